/** Which flags of `inattention bench` go with which bench. What does not apply is refused as bad usage, not ignored. */

import type { Command } from 'commander';
import { fewestRounds } from './kernels/kernel-command.ts';
import type { Variant } from './result.ts';

/** The sweep, a report of an earlier one, many sessions at once, kernels, a training step, quality, switching. */
export type BenchKind = 'sweep' | 'from' | 'sessions' | 'kernels' | 'positions' | 'training' | 'quality' | 'switching';

/** The values that have rules beyond their own. */
export interface RuledOptions {
  readonly variants?: readonly Variant[];
  readonly rounds?: number;
  readonly backend?: string;
  readonly threads?: readonly number[];
  readonly models?: readonly string[];
  readonly text?: string;
}

const names: Readonly<Record<BenchKind, string>> = {
  sweep: 'the sweep',
  from: '--from, which runs nothing',
  sessions: '--sessions',
  kernels: '--kernels',
  positions: '--positions',
  training: '--training',
  quality: '--quality',
  switching: '--switching',
};

const model = ['shape', 'variants', 'contextDtype', 'weightDtype', 'window', 'backend', 'memory'];

/** By commander's names. */
const flagsOf: Readonly<Record<BenchKind, readonly string[]>> = {
  sweep: [...model, 'lengths', 'selfUpTo', 'warmUp', 'rounds', 'roundTime', 'out', 'report', 'markdown', 'json'],
  from: ['from', 'out', 'report', 'markdown', 'json'],
  sessions: [...model, 'sessions', 'tokens', 'rounds', 'out', 'markdown', 'json'],
  positions: [
    ...['positions', 'shape', 'window', 'lengths', 'selfUpTo', 'backend', 'memory', 'rounds'],
    ...['out', 'markdown', 'json'],
  ],
  kernels: ['kernels', 'backend', 'threads', 'rounds', 'out', 'markdown', 'json'],
  training: ['training', 'threads', 'rounds', 'out', 'markdown', 'json'],
  quality: [
    ...['quality', 'models', 'text', 'lengths', 'targets', 'selfUpTo', 'tasks', 'steps', 'resume'],
    ...['backend', 'threads'],
    ...['out', 'report', 'markdown', 'json'],
  ],
  switching: [
    ...['switching', 'text', 'tokens', 'heal', 'healText', 'learningRate', 'steps', 'backend', 'threads', 'memory'],
    ...['out', 'report', 'markdown', 'json'],
  ],
};

/** Flags of one bench alone, by the bench. */
const ownFlags = new Map<string, BenchKind>([
  ['tokens', 'sessions'],
  ['threads', 'kernels'],
  ['models', 'quality'],
  ['text', 'quality'],
  ['targets', 'quality'],
  ['tasks', 'quality'],
  ['steps', 'quality'],
  ['resume', 'quality'],
  ['heal', 'switching'],
  ['healText', 'switching'],
  ['learningRate', 'switching'],
]);

/** The bench that the given flags choose. Ends the command with status 2 when one of them does not apply to it. */
export function chooseBench(command: Command, options: RuledOptions): BenchKind {
  const { variants = [], rounds, backend, threads = [] } = options;
  const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli');
  const refuse = (message: string): never =>
    command.error(`error: ${message}`, { exitCode: 2, code: 'commander.conflictingOption' });
  const chosen = (['kernels', 'positions', 'training', 'quality', 'switching', 'sessions', 'from'] as const).filter(
    (kind) => given.some((option) => option.attributeName() === kind),
  );
  if (chosen.length > 1) refuse(`--${chosen.join(' and --')} cannot go together: each chooses what is run.`);
  const [kind = 'sweep'] = chosen;
  for (const option of given) {
    const name = option.attributeName();
    if (flagsOf[kind].includes(name)) continue;
    const owner = ownFlags.get(name);
    const fix = owner === undefined ? `It takes ${flagNames(command, kind)}.` : `It goes with --${owner}.`;
    refuse(`${option.long} does not apply to ${names[kind]}. ${fix}`);
  }
  if (kind === 'kernels' && rounds !== undefined && rounds < fewestRounds) {
    refuse(`--rounds ${rounds} is too few for --kernels: ${fewestRounds} or more make a median.`);
  }
  if (threads.length > 0 && (backend ?? 'cpu') !== 'cpu') {
    refuse(`--threads does not apply to --backend ${backend}. It goes with --backend cpu.`);
  }
  if (kind === 'switching') {
    const names = given.map((option) => option.attributeName());
    const ofHealing = ['healText', 'learningRate', 'steps'].find((name) => names.includes(name));
    if (ofHealing !== undefined && !names.includes('heal')) {
      const { long } = given.find((option) => option.attributeName() === ofHealing) ?? {};
      refuse(`${long} is of healing, and goes with --heal in --switching.`);
    }
    if (threads.length > 1) refuse(`--threads ${threads.join(',')} is more than one number for --switching.`);
  }
  if (kind === 'quality') {
    const names = given.map((option) => option.attributeName());
    checkQuality(names, options, refuse);
  }
  if (kind === 'sessions' && (variants.length > 1 || variants.includes('self'))) {
    refuse(
      `--variants ${variants.join(',')} does not apply to --sessions. It takes one mode of InAttention, not self.`,
    );
  }
  return kind;
}

/** Models need a text, and choose which other flags apply. */
function checkQuality(
  given: readonly string[],
  { threads = [], models, text }: RuledOptions,
  refuse: (message: string) => never,
): void {
  if (threads.length > 1) refuse(`--threads ${threads.join(',')} is more than one number for --quality.`);
  if (models !== undefined && text === undefined) refuse('--models needs a text to measure them on: --text FILE.');
  const ofTasks = ['tasks', 'steps'].find((name) => given.includes(name));
  if (models !== undefined && ofTasks !== undefined) {
    refuse(`--${ofTasks} does not apply to --models. It is of the tasks, which are run without --models.`);
  }
  const ofModels = ['text', 'lengths', 'targets', 'selfUpTo'].filter((name) => given.includes(name));
  if (models === undefined && ofModels.length > 0) {
    const names: Readonly<Record<string, string>> = { selfUpTo: 'self-up-to' };
    refuse(`--${names[ofModels[0] as string] ?? ofModels[0]} goes with --models in --quality.`);
  }
}

function flagNames(command: Command, kind: BenchKind): string {
  const own = flagsOf[kind].filter((name) => name !== kind);
  const options = command.options.filter((option) => own.includes(option.attributeName()));
  return options.map(({ long }) => long).join(', ');
}
