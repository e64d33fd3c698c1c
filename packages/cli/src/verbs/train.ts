/** `inattention train`: trains a model on texts, new or from a folder, and goes on with runs that were interrupted. */

import { resolve } from 'node:path';
import { backendNames } from '@inattention/bench';
import { modelFolder } from '@inattention/bench/node';
import { ropeExtensions } from '@inattention/train';
import { Command, Option } from 'commander';
import { attentionSwitches } from '../conversion/attention-switches.ts';
import type { Terminal } from '../terminal.ts';
import { planOf, planReport } from '../training/plan-run.ts';
import { runTraining } from '../training/run.ts';
import { type RunSettings, readRunSettings } from '../training/run-settings.ts';
import { defaultSwitchEvery, switchingOf } from '../training/switch-settings.ts';
import { bytes, count, fraction, layers, notNegative, positive, share } from '../values.ts';

/** Flags: those that decide the run, and those of this call. */
interface TrainFlags extends Omit<RunSettings, 'data'> {
  readonly data?: readonly string[];
  readonly out: string;
  readonly resume?: boolean;
  readonly plan?: boolean;
  readonly json?: boolean;
}

/** Flags that are the call's own, or may change when a run is resumed. */
const changeable = new Set([
  'out',
  'resume',
  'plan',
  'json',
  'checkpointing',
  'memory',
  'steps',
  'evaluateEvery',
  'evaluateBatches',
  'checkpointEvery',
  'keep',
]);
/** Flags of a new model, which one that is loaded does not take. */
const modelFlags = new Set([
  'layers',
  'hiddenSize',
  'heads',
  'kvHeads',
  'intermediateSize',
  'positionEmbedding',
  'tokenizer',
  'vocabSize',
]);
/** Flags of a model that is there, which a new one does not take. */
const fromFlags = new Set(['ropeScaling', 'distill', 'switch', 'train']);
/** Flags that say more about another. */
const needed: readonly (readonly [string, string])[] = [
  ['distillTemperature', 'distill'],
  ['distillWeight', 'distill'],
  ['switchEvery', 'switch'],
];

export function trainCommand(terminal: Terminal): Command {
  const command = new Command('train')
    .description('Train a model on texts')
    .option('--data <files...>', 'text, JSONL with a field "text", or one .tokens file')
    .requiredOption('--out <folder>', "the run's folder; in the end the model's")
    .option('--plan', 'print what the run would take in memory, and do nothing')
    .option('--resume', 'go on with the run in --out; its other flags are known');
  const groups = [runOptions, switchOptions, scheduleOptions, modelOptions, keepingOptions];
  for (const option of groups.flatMap((options) => options())) command.addOption(option);
  return command
    .addHelpText(
      'after',
      `
The folder gets checkpoints/, metrics.jsonl, run.json and, at the end, config.json and model.safetensors. Ctrl-C keeps what was done.

Examples:
  inattention train --data books/*.txt --out runs/small --steps 2000
  inattention train --out runs/small --resume
  inattention train --data books/*.txt --out runs/wide --hidden-size 512 --layers 12 --batch 32 --memory 2GB --plan
  inattention train --from runs/small --data long.jsonl --context-length 16384 --positions 256 --batch 1 --out runs/long
  inattention train --from SmolLM2-135M-Instruct.Q4_1.gguf --data books/*.txt --out runs/healed --distill --train switched \\
      --switch 22,28,9 --switch-every 200 --batch 1 --context-length 512

The last but one extends a model to longer texts: --context-length beyond its own stretches rotary positions by --rope-scaling, and
config.json says so, for this program and others; ALiBi goes on as it is; learned positions have an end. --positions trains on a
few places of each text, which costs little for layers of inattention; layers of self-attention need all of it.

The last switches layers of a model of another runtime: one, 200 steps of healing, the next. --attention switches layers before the
first step. --distill learns from the logits of --from as it is, or of another model of the same tokenizer; validation is always
cross-entropy with the text. With --train switched the other layers stay as they are, shared with the original in memory. --schedule
goes over the whole run: constant or wsd keeps the rate up for layers that are switched late.`,
    )
    .action((flags: TrainFlags, self: Command) => run(flags, self, terminal));
}

function runOptions(): Option[] {
  return [
    new Option(
      '--from <place>',
      'start from this model, a folder (Hugging Face’s too), a GGUF file or a shipped one, instead of a new one',
    ),
    new Option('--separator <line>', 'a line that stands between documents of a text file'),
    new Option('--context-length <n>', 'positions of a text').argParser(count(1)).default(256),
    new Option(
      '--rope-scaling <rule>',
      'how rotary positions of --from reach a longer --context-length; default: yarn',
    ).choices(ropeExtensions),
    new Option(
      '--positions <k>',
      'losses of so many positions of each text, drawn anew each time; validation takes as many',
    ).argParser(count(1)),
    new Option(
      '--context <kind>',
      'keys and values of a batch: a row per position (dense), or per offset and id (tables)',
    )
      .choices(['auto', 'dense', 'tables'])
      .default('auto'),
    new Option(
      '--checkpointing <how>',
      'layers computed again for their gradients: none, all, as many as --memory asks for',
    )
      .choices(['auto', 'layers', 'none'])
      .default('auto'),
    new Option('--memory <bytes>', 'bytes the run may take, such as 2GB; default: what the backend has').argParser(
      bytes,
    ),
    new Option('--documents <how>', 'whether documents that share a text see each other')
      .choices(['separate', 'joined'])
      .default('separate'),
    new Option('--validation <share>', 'share of the data set apart').argParser(share).default(0.05),
    new Option('--steps <n>', 'steps of the whole run; with --switch: as many as heal each layer unless given')
      .argParser(count(1))
      .default(1000),
    new Option('--batch <n>', 'texts of a batch').argParser(count(1)).default(8),
    new Option('--accumulate <n>', 'batches of a step').argParser(count(1)).default(1),
    new Option('--seed <n>', 'seed of new weights and of the order of the data').argParser(count(0)).default(0),
    new Option('--backend <name>', 'where to compute; auto: a GPU where there is one')
      .choices(['auto', ...backendNames])
      .default('auto'),
  ];
}

function switchOptions(): Option[] {
  return [
    new Option(
      '--attention <layers=kind>',
      'kinds of layers: 0,1,2=inattention, all=self (may be given again); default of a new model: inattention',
    ).argParser((text: string, before?: string) => {
      attentionSwitches(text);
      return before === undefined ? text : `${before} ${text}`;
    }),
    new Option('--window <w>', 'initial-state window: of a new model (default: 3), or given to --from, at 0').argParser(
      count(1),
    ),
    new Option('--switch <layers>', 'layers of --from that become inattention one after another: 22,28,9').argParser(
      layers,
    ),
    new Option(
      '--switch-every <n>',
      `steps with a layer before the next is switched; default: ${defaultSwitchEvery}`,
    ).argParser(count(1)),
    new Option('--distill [place]', 'learn from the logits of a model; default: of --from as it is'),
    new Option('--distill-temperature <t>', 'divides logits of both; default: 1').argParser(positive),
    new Option(
      '--distill-weight <w>',
      'share of the divergence from the teacher in the loss, 0 to 1; default: 1',
    ).argParser(fraction),
    new Option('--train <part>', 'what changes: all, or layers of inattention and the window (switched)')
      .choices(['all', 'switched'])
      .default('all'),
  ];
}

function scheduleOptions(): Option[] {
  return [
    new Option('--learning-rate <rate>', 'the highest; with --distill: 0.0003 unless given')
      .argParser(notNegative)
      .default(3e-3),
    new Option('--min-learning-rate <rate>', 'the last').argParser(notNegative).default(0),
    new Option('--schedule <kind>', 'how the rate goes')
      .choices(['cosine', 'linear', 'wsd', 'constant'])
      .default('cosine'),
    new Option('--warmup <n>', 'steps until the highest rate').argParser(count(0)).default(100),
    new Option('--decay-steps <n>', 'wsd: steps of the fall; default: a fifth').argParser(count(0)),
    new Option('--weight-decay <rate>', 'decay of matrices').argParser(notNegative).default(0.1),
    new Option('--clip <norm>', 'largest norm of gradients; 0: any').argParser(notNegative).default(1),
  ];
}

function modelOptions(): Option[] {
  return [
    new Option('--layers <n>', 'new model: layers').argParser(count(1)).default(4),
    new Option('--hidden-size <n>', 'new model: hidden size').argParser(count(1)).default(128),
    new Option('--heads <n>', 'new model: query heads').argParser(count(1)).default(4),
    new Option('--kv-heads <n>', 'new model: key/value heads; default: as many').argParser(count(1)),
    new Option('--intermediate-size <n>', 'new model: width of the MLP; default: 8/3 of the hidden size').argParser(
      count(1),
    ),
    new Option('--position-embedding <type>', 'new model: how positions enter')
      .choices(['rope', 'alibi', 'learned', 'none'])
      .default('rope'),
    new Option('--tokenizer <file>', 'new model: a tokenizer.json, or bytes; default: one is trained on the data'),
    new Option('--vocab-size <n>', 'new model: ids of the tokenizer that is trained')
      .argParser(count(257))
      .default(2048),
  ];
}

function keepingOptions(): Option[] {
  return [
    new Option('--evaluate-every <n>', 'steps between validations').argParser(count(1)).default(100),
    new Option('--evaluate-batches <n>', 'batches of a validation').argParser(count(1)).default(16),
    new Option('--checkpoint-every <n>', 'steps between checkpoints').argParser(count(1)).default(100),
    new Option('--keep <n>', 'checkpoints that stay, besides the best').argParser(count(1)).default(2),
    new Option('--json', 'print one JSON object on standard output'),
  ];
}

async function run(flags: TrainFlags, self: Command, terminal: Terminal): Promise<void> {
  const { out, resume = false, plan = false, json = false, data, ...rest } = flags;
  const given = Object.keys(flags).filter((name) => self.getOptionValueSource(name) === 'cli');
  let settings: RunSettings;
  if (resume) {
    refuse(self, given, (name) => !changeable.has(name), 'are those of the run, and are not given again with --resume');
    const before = await readRunSettings(out);
    const changed = Object.entries(rest).filter(([name]) => changeable.has(name) && given.includes(name));
    settings = { ...before, ...Object.fromEntries(changed) };
  } else {
    if (data === undefined) self.error('error: give --data, or --resume to go on with a run', { exitCode: 2 });
    for (const [flag, other] of needed) {
      if (!given.includes(other)) refuse(self, given, (name) => name === flag, `goes with --${other}`);
    }
    if (rest.from === undefined) {
      refuse(self, given, (name) => fromFlags.has(name), 'is for models that are there: give --from');
    } else {
      refuse(self, given, (name) => modelFlags.has(name), 'are for new models, and --from has one');
    }
    const flags = withDefaults(rest, given);
    settings = { ...(await absolute(flags)), data: data.map((path) => resolve(path)), warmup: warmupOf(flags, given) };
  }
  if (plan) {
    const planned = await planOf(out, settings, terminal);
    terminal.out(json ? `${JSON.stringify(planned)}\n` : planReport(planned, settings));
    return;
  }
  const result = await runTraining(out, settings, resume, terminal);
  if (json) {
    terminal.out(`${JSON.stringify(result)}\n`);
    return;
  }
  const { steps, loss, validationLoss, parameters } = result;
  const validation = validationLoss === null ? '' : `, validation ${validationLoss.toFixed(4)}`;
  terminal.out(
    `${out}: ${parameters} parameters, ${steps} steps, loss ${loss === null ? 'not measured' : loss.toFixed(4)}${validation}\n`,
  );
}

/** Paths that do not depend on where the run is resumed. */
async function absolute(flags: Omit<RunSettings, 'data'>): Promise<Omit<RunSettings, 'data'>> {
  const { from, tokenizer, distill } = flags;
  const at = async (place: string) => (/^https?:\/\//i.test(place) ? place : resolve(await modelFolder(place)));
  return {
    ...flags,
    ...(from !== undefined && { from: await at(from) }),
    ...(distill !== undefined && { distill: distill === true ? true : await at(distill) }),
    ...(tokenizer !== undefined && tokenizer !== 'bytes' && { tokenizer: resolve(tokenizer) }),
  };
}

/** Defaults that other flags decide. */
function withDefaults(flags: Omit<RunSettings, 'data'>, given: readonly string[]): Omit<RunSettings, 'data'> {
  const { distill } = flags;
  const switching = switchingOf(flags);
  return {
    ...flags,
    ...(distill !== undefined && !given.includes('learningRate') && { learningRate: 3e-4 }),
    ...(switching !== null && !given.includes('steps') && { steps: switching.layers.length * switching.every }),
  };
}

/** A short run warms up for at most a tenth of its steps, unless it is told. */
function warmupOf({ warmup, steps }: Omit<RunSettings, 'data'>, given: readonly string[]): number {
  return given.includes('warmup') ? warmup : Math.min(warmup, Math.floor(steps / 10));
}

function refuse(self: Command, given: readonly string[], wrong: (name: string) => boolean, why: string): void {
  const names = given
    .filter(wrong)
    .map((name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  if (names.length > 0) self.error(`error: ${names.join(', ')} ${why}`, { exitCode: 2 });
}
