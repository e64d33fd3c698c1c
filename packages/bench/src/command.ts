/** `inattention bench` and `pnpm bench`: the sweep from the command line, with progress on standard error. Node only. */

import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { type BackendCandidate, InvalidArgumentError, selectBackend } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { SingleBar } from 'cli-progress';
import { InvalidArgumentError as BadFlag, Command } from 'commander';
import { terminalReport } from './report/terminal.ts';
import { formatTokens } from './report/units.ts';
import type { SweepResult, Variant } from './result.ts';
import { smallShape, sweepShapes } from './shapes.ts';
import { runSweep } from './sweep/sweep.ts';
import { readMobyDick, readStateOfTheUnion } from './texts.ts';
import { tokenise } from './tokenise.ts';

interface BenchOptions {
  readonly lengths: readonly number[];
  readonly variants?: readonly Variant[];
  readonly shape: string;
  readonly contextDtype: 'f32' | 'f16';
  readonly window: number;
  readonly selfUpTo: number;
  readonly rounds: number;
  readonly memory?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** Where a command writes; process streams by default, strings in tests. */
export interface BenchOutput {
  out(text: string): void;
  error(text: string): void;
  /** Progress bars are drawn on standard error when it is a terminal. */
  readonly interactive: boolean;
  readonly signal?: AbortSignal;
}

const variantNames: readonly Variant[] = ['self', 'tables', 'kv', 'states', 'ids'];

/** Decoded tokens that lengths need beyond themselves. */
const decodedTokens = 64;

/** The command; the caller adds it to a program or parses arguments with it. */
export function benchCommand(output: BenchOutput): Command {
  return new Command('bench')
    .description('Sweep context lengths: InAttention in every mode against the same-size self-attention model')
    .option(
      '--lengths <list>',
      'context lengths, comma-separated; Ki as suffix',
      parseLengths,
      [1024, 4096, 16384, 65536],
    )
    .option('--variants <list>', `of ${variantNames.join(', ')}`, parseVariants)
    .option('--shape <name>', `one of ${sweepShapes.map(({ name }) => name).join(', ')}`, smallShape.name)
    .option('--context-dtype <dtype>', 'f32 or f16', parseDtype, 'f32')
    .option('--window <w>', 'initial-state window of the InAttention model', parseCount, 3)
    .option('--self-up-to <tokens>', 'run the baseline to this length, extrapolate beyond', parseLength, 4096)
    .option('--rounds <n>', 'rounds per length while they are short', parseCount, 3)
    .option('--memory <bytes>', 'bytes the CPU backend may hold', parseCount)
    .option('--out <file>', 'also write the result as JSON to this file')
    .option('--json', 'print the result as JSON instead of tables')
    .addHelpText(
      'after',
      `
Text: Moby-Dick (measured) and State of the Union addresses (to warm tables), in GPT-2's vocabulary.
Figures are medians of interleaved rounds; "~" marks extrapolated ones, with their formula.

Examples:
  inattention bench
  inattention bench --lengths 1Ki,8Ki --variants self,tables --out result.json
  inattention bench --shape gpt2-124m --lengths 1Ki,4Ki --rounds 1`,
    )
    .action((options: BenchOptions) => runBench(options, output));
}

async function runBench(options: BenchOptions, output: BenchOutput): Promise<void> {
  const shape = sweepShapes.find(({ name }) => name === options.shape);
  if (shape === undefined) {
    throw new InvalidArgumentError({
      what: 'There is no such shape.',
      got: options.shape,
      expected: sweepShapes.map(({ name }) => name).join(', '),
    });
  }
  const longest = Math.max(...options.lengths) + decodedTokens;
  output.error('Reading and tokenising text …\n');
  const text = await tokenise(await readMobyDick(), longest);
  const warmUpText = await tokenise(await readStateOfTheUnion(), longest);
  const memory = options.memory === undefined ? {} : { maxBytes: options.memory };
  const candidates: BackendCandidate[] = [{ name: 'cpu', create: () => createCpuBackend(memory) }];
  const { backend, reason } = await selectBackend(candidates);
  output.error(`Backend: ${backend.name} (${backend.info.device}); ${reason}\n`);
  const bar = output.interactive
    ? new SingleBar({ format: '{bar} {value}/{total} {what}', hideCursor: true, clearOnComplete: true })
    : null;
  try {
    bar?.start(1, 0, { what: '' });
    const result = await runSweep({
      backend,
      shape,
      lengths: options.lengths,
      ...(options.variants && { variants: options.variants }),
      dtype: options.contextDtype,
      window: options.window,
      text,
      warmUpText,
      selfUpTo: options.selfUpTo,
      rounds: options.rounds,
      environment: environment(),
      ...(output.signal && { signal: output.signal }),
      onProgress({ done, total, what }) {
        bar?.setTotal(total);
        bar?.update(done, { what });
        if (bar === null && what !== 'done') output.error(`${done + 1}/${total} ${what}\n`);
      },
    });
    bar?.stop();
    await report(result, options, output);
  } finally {
    bar?.stop();
    backend.dispose();
  }
}

async function report(result: SweepResult, { out, json }: BenchOptions, output: BenchOutput): Promise<void> {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  if (out !== undefined) {
    await writeFile(out, text);
    output.error(`Wrote ${out}\n`);
  }
  output.out(json ? text : terminalReport(result));
}

function environment(): Record<string, string | number> {
  const [cpu] = cpus();
  return {
    runtime: `Node ${process.versions.node}`,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
  };
}

function parseLength(text: string): number {
  const match = /^(\d+)(Ki)?$/i.exec(text.trim());
  const tokens = Number(match?.[1]) * (match?.[2] === undefined ? 1 : 1024);
  if (match === null || tokens < 1 || tokens > 4_000_000) {
    throw new BadFlag(`"${text}" is no length from 1 to ${formatTokens(4_000_000)}.`);
  }
  return tokens;
}

function parseLengths(text: string): number[] {
  return text.split(',').map(parseLength);
}

function parseVariants(text: string): Variant[] {
  return text.split(',').map((name) => {
    const variant = variantNames.find((known) => known === name.trim());
    if (variant === undefined) throw new BadFlag(`"${name}" is none of ${variantNames.join(', ')}.`);
    return variant;
  });
}

function parseDtype(text: string): 'f32' | 'f16' {
  if (text !== 'f32' && text !== 'f16') throw new BadFlag('It is f32 or f16.');
  return text;
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new BadFlag('It is a whole number from 1 up.');
  return value;
}
