/** `inattention bench` and `pnpm bench`: the sweep from the command line, with progress on standard error. Node only. */

import { readFile } from 'node:fs/promises';
import { InvalidFileError, selectBackend } from '@inattention/core';
import type { WeightDType } from '@inattention/core/math';
import { Command } from 'commander';
import { type BackendName, backendNames } from './backend-names.ts';
import { candidatesFor, onlyBackend } from './backends.ts';
import { benchSessions } from './batch/batch-command.ts';
import type { BenchOutput } from './bench-output.ts';
import { commandLine } from './command-line.ts';
import { environment } from './environment.ts';
import { chooseBench } from './flag-rules.ts';
import {
  parseBackend,
  parseCount,
  parseDtype,
  parseLayers,
  parseLength,
  parseLengths,
  parseMemory,
  parseNames,
  parseRate,
  parseShape,
  parseTasks,
  parseThreads,
  parseVariants,
  parseWarmUp,
  parseWeightDtype,
  taskNames,
  variantNames,
} from './flags.ts';
import { benchKernels } from './kernels/kernel-command.ts';
import { checkOutputs, type OutputFiles, standardOutput, writeOutputs, writePartial } from './outputs.ts';
import { benchPositions } from './positions/positions-command.ts';
import { progressDisplay } from './progress-display.ts';
import { isQuality, parseQuality } from './quality/parse-quality.ts';
import { benchQuality, reportQuality } from './quality/quality-command.ts';
import type { Task } from './quality/tasks/task.ts';
import { parseResult } from './report/parse-result.ts';
import type { SweepResult, Variant, WarmUpKind } from './result.ts';
import { type Shape, smallShape, sweepDefaults, sweepShapes } from './shapes.ts';
import { runSweep } from './sweep/sweep.ts';
import { readSweepTexts } from './sweep-texts.ts';
import { parseSwitching } from './switching/parse-switching.ts';
import { benchSwitching, reportSwitching } from './switching/switching-command.ts';
import { switchingSchema } from './switching/switching-result.ts';
import { benchTraining } from './training/training-command.ts';

interface BenchOptions extends OutputFiles {
  readonly lengths?: readonly number[];
  readonly variants?: readonly Variant[];
  readonly shape?: Shape;
  readonly contextDtype: 'f32' | 'f16';
  readonly weightDtype: WeightDType;
  readonly window: number;
  readonly selfUpTo?: number;
  readonly warmUp: WarmUpKind;
  readonly rounds?: number;
  readonly roundTime?: number;
  readonly backend?: BackendName | 'auto';
  readonly memory?: number;
  readonly from?: string;
  readonly json?: boolean;
  readonly sessions?: number;
  readonly tokens?: number;
  readonly kernels?: boolean;
  readonly positions?: number;
  readonly training?: boolean;
  readonly threads?: readonly number[];
  readonly quality?: boolean;
  readonly models?: readonly string[];
  readonly text?: string;
  readonly targets?: number;
  readonly tasks?: readonly Task[];
  readonly steps?: number;
  readonly resume?: boolean;
  readonly switching?: string;
  readonly heal?: readonly number[];
  readonly healText?: string;
  readonly learningRate?: number;
}

/** The command; the caller adds it to a program or parses arguments with it. */
export function benchCommand(output: BenchOutput): Command {
  const shapes = sweepShapes.map(({ name }) => name).join(', ');
  return new Command('bench')
    .description(
      'Measure time and memory: a sweep of context lengths against self-attention, many sessions, kernels, a training step, quality, or layers switched',
    )
    .optionsGroup('What to measure (the sweep, unless one of these is given):')
    .option('--sessions <n>', 'n sessions at once, by batch size, instead of the sweep', parseCount)
    .option('--kernels', 'kernels beside other libraries’, instead of the sweep')
    .option(
      '--positions <k>',
      'training on k positions of long texts, beside all of them, instead of the sweep',
      parseCount,
    )
    .option('--training', 'a training step on the CPU beside other libraries’, instead of the sweep')
    .option('--quality', 'what models foresee, and what they can look up in a text, instead of the sweep')
    .option(
      '--switching <model>',
      'loss with layers of a model switched to InAttention, and healed, instead of the sweep',
    )
    .option('--from <file>', 'nothing: report again what --out of the sweep, --quality or --switching wrote')
    .optionsGroup('The model (sweep, --sessions; --kernels and --quality take --backend alone):')
    .option('--shape <name>', `${shapes} (default: ${smallShape.name})`, parseShape)
    .option(
      '--variants <list>',
      `${variantNames.join(', ')}: the baseline and InAttention’s modes (default: all; --sessions takes one mode, default tables)`,
      parseVariants,
    )
    .option('--context-dtype <dtype>', 'f32 or f16, of contexts and of the baseline’s KV cache', parseDtype, 'f32')
    .option('--weight-dtype <dtype>', 'f32, f16, i8, q8_0 or q4_1, of both models’ matrices', parseWeightDtype, 'f32')
    .option('--window <w>', 'tokens that an initial state is made of, in the InAttention model', parseCount, 3)
    .option(
      '--backend <name>',
      `${backendNames.join(', ')}, or auto: a GPU where there is one (default: auto; --kernels: cpu)`,
      parseBackend,
    )
    .option('--memory <bytes>', 'bytes that the backend may hold, such as 3GB (default: what it can have)', parseMemory)
    .optionsGroup('What --quality measures (without --models: recall and copying, learnt from nothing):')
    .option('--models <list>', 'folders, or names of shipped models, separated by commas', parseNames)
    .option(
      '--text <file>',
      'what they are tested on: .jsonl, text, .tokens, or a JSON array of ids; --switching: default the last State of the Union address',
    )
    .option('--targets <n>', 'tokens whose loss is measured at each of --lengths (default: 512)', parseCount)
    .option('--tasks <list>', `without --models: ${taskNames} (default: all)`, parseTasks)
    .option(
      '--steps <n>',
      'without --models: training steps of each row (default: 1200); --switching: of each layer of --heal (default: 50)',
      parseCount,
    )
    .option('--resume', 'without --models: keep the rows that --out has from a run that ended early')
    .optionsGroup('What --switching measures (its model: a folder, a GGUF file, or the name of a shipped model):')
    .option('--heal <layers>', 'switch these one after another, such as 22,28,9, and train each a while', parseLayers)
    .option('--heal-text <file>', 'what they are trained on (default: 20 State of the Union addresses before the last)')
    .option('--learning-rate <rate>', 'of their training (default: 0.001)', parseRate)
    .optionsGroup('How much is measured:')
    .option(
      '--lengths <list>',
      'context lengths in tokens, such as 1Ki,4096 (default: sweep 1Ki,4Ki,16Ki,64Ki, other shapes than small to 128Ki; --quality 128,512,2Ki,8Ki,16Ki)',
      parseLengths,
    )
    .option(
      '--self-up-to <tokens>',
      'sweep: run the baseline to this length, extrapolate beyond (default: 4Ki); --quality: measure models with self layers to it (default: 2Ki)',
      parseLength,
    )
    .option(
      '--warm-up <text>',
      'sweep: what warm tables have served: other (State of the Union addresses) or same-book (later chapters)',
      parseWarmUp,
      'other',
    )
    .option(
      '--rounds <n>',
      'rounds per length at most (default: 3; --sessions: 5; --training: 7; --kernels: 15)',
      parseCount,
    )
    .option(
      '--round-time <ms>',
      'sweep: begin no further round of a length that took longer (default: 6000; other shapes than small 90000)',
      parseCount,
    )
    .option(
      '--tokens <n>',
      '--sessions: ids in each session (default: 10000); --switching: whose losses are measured, and of a text of training (default: 256)',
      parseLength,
    )
    .option(
      '--threads <list>',
      '--kernels, --training, --quality: threads of the CPU, several such as 1,2 but for --quality (default: 1; --quality: all cores)',
      parseThreads,
    )
    .optionsGroup('Output (tables on standard output, progress on standard error):')
    .option('--json', 'print the result as JSON instead of tables')
    .option('--out <file>', 'also write the result as JSON; the sweep and --quality write it after every measurement')
    .option('--markdown <file>', 'also write the tables as Markdown')
    .option(
      '--report <file>',
      'sweep, --quality, --switching, --from: also write one self-contained HTML page with charts',
    )
    .addHelpText(
      'after',
      `
The sweep measures memory, time to the first token and time per further token on the text of Moby-Dick, in a byte-pair
vocabulary of the shape's size. Mode tables is measured with an empty table (cold), one that has served another text (warm)
and one that has every id of the text (revisited). Figures are medians of interleaved rounds; "~" marks extrapolated ones,
with their formula. What does not fit is a row with the bytes it would need. Ctrl-C ends the sweep and reports what was measured.

--kernels --backend webgpu measures the products and attention beside the WebGPU backends of onnxruntime-web and TensorFlow.js.
What a software adapter takes (a processor that plays GPU) is not what a GPU takes: such figures say so, and compare nothing.

--training measures a step (forward, backward, AdamW) of a model of 4 layers, D 128, on 8 texts of 128 tokens, with w = 3 and 1,
in turn with a product of 512³ and with the same step in tfjs-backend-wasm and in PyTorch, where they are installed.

--positions measures a training step over k losses of a text of each of --lengths, with keys and values by table row and by
position, beside steps over all losses (up to --self-up-to), and over a text of k: time, and peak bytes by the ledger.

--switching measures the loss on held-out text with each layer switched alone and with all up to it, nothing trained. With --heal it
then switches layers one after another and trains them by distillation from the model as it was, measured before and after.

Examples:
  inattention bench
  inattention bench --shape gpt2-124m --out gpt2.json --report gpt2.html
  inattention bench --shape gpt2-124m --context-dtype f16 --lengths 1Ki,64Ki --variants self,tables,kv
  inattention bench --from gpt2.json --report gpt2.html --markdown gpt2.md
  inattention bench --kernels --threads 1,2 --out kernels.json
  inattention bench --kernels --backend webgpu --out webgpu.json
  inattention bench --positions 256 --out positions.json --markdown positions.md
  inattention bench --training --out training.json --markdown training.md
  inattention bench --sessions 1000 --tokens 10000 --out sessions.json
  inattention bench --switching SmolLM2-135M-Instruct.Q4_1.gguf --heal 22,28,9 --out switched.json --report switched.html
  inattention bench --quality --threads 1 --out tasks.json --markdown tasks.md
  inattention bench --quality --models small,small-self --text test.jsonl --report quality.html`,
    )
    .action((options: BenchOptions, command: Command) => {
      const kind = chooseBench(command, options);
      if (kind === 'kernels') return benchKernels(options, output);
      if (kind === 'training') return benchTraining(options, output);
      if (kind === 'quality') return benchQuality(options, output);
      if (kind === 'switching') return benchSwitching({ ...options, switching: options.switching as string }, output);
      if (kind === 'positions')
        return benchPositions({ backend: 'auto', ...options, positions: options.positions as number }, output);
      if (kind === 'sessions')
        return benchSessions({ backend: 'auto', ...options, sessions: options.sessions as number }, output);
      return runBench(options, output);
    });
}

async function runBench(options: BenchOptions, output: BenchOutput): Promise<void> {
  checkOutputs(options);
  const report = async (result: SweepResult): Promise<void> => {
    for (const file of await writeOutputs(result, options)) output.error(`Wrote ${file}\n`);
    output.out(standardOutput(result, options.json === true));
  };
  if (options.from !== undefined) {
    const json = await readJson(options.from);
    if (isSwitching(json.value)) return reportSwitching(parseSwitching(json.value, options.from), options, output);
    return isQuality(json.value)
      ? reportQuality(parseQuality(json.value, options.from), options, output)
      : report(parseResult(json.text, options.from));
  }
  let partial: SweepResult | null = null;
  let result: SweepResult;
  try {
    result = await sweep(options, output, (soFar) => {
      partial = soFar;
    });
  } catch (error) {
    // What was measured before a failure or Ctrl-C is worth as much as it was.
    if (partial !== null) await report(partial);
    throw error;
  }
  await report(result);
}

async function sweep(
  options: BenchOptions,
  output: BenchOutput,
  onPartial: (result: SweepResult) => void,
): Promise<SweepResult> {
  const { shape = smallShape, signal } = { ...options, signal: output.signal };
  const defaults = sweepDefaults(shape);
  const lengths = options.lengths ?? defaults.lengths;
  output.error('Reading and tokenising text …\n');
  const { text, warmUpText } = await readSweepTexts(Math.max(...lengths), options.warmUp, shape.vocabSize);
  const { backend: wanted = 'auto', memory } = options;
  const { backend, reason } = await selectBackend(candidatesFor({ backend: wanted, memory }), {
    ...onlyBackend(wanted),
    contextDType: options.contextDtype,
    weightDType: options.weightDtype,
  });
  output.error(`Backend: ${backend.name} (${backend.info.device}); ${reason}\n`);
  const display = progressDisplay(output);
  const settings = {
    lengths,
    variants: options.variants ?? variantNames,
    dtype: options.contextDtype,
    weightDType: options.weightDtype,
    window: options.window,
    selfUpTo: options.selfUpTo ?? defaults.selfUpTo,
    warmUpKind: options.warmUp,
    rounds: options.rounds ?? defaults.rounds,
    roundTime: options.roundTime ?? defaults.roundTime,
  };
  try {
    return await runSweep({
      ...settings,
      backend,
      shape,
      text,
      warmUpText,
      environment: environment(),
      command: commandLine({ ...settings, shape, backend: backend.name, memory }),
      ...(signal && { signal }),
      onProgress: display.update,
      onPartial(result) {
        if (!result.rows.some(({ outcome }) => outcome === 'measured')) return;
        if (options.out !== undefined) writePartial(result, options.out);
        onPartial(result);
      },
    });
  } finally {
    display.stop();
    backend.dispose();
  }
}

function isSwitching(value: unknown): boolean {
  const name = typeof value === 'object' && value !== null && 'schema' in value ? value.schema : null;
  return typeof name === 'string' && name.split('/')[0] === switchingSchema.split('/')[0];
}

/** A file's text, and its value when it is JSON. */
async function readJson(file: string): Promise<{ readonly text: string; readonly value: unknown }> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new InvalidFileError({ what: `${file} cannot be read.`, got: (cause as Error).message, cause });
  }
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    return { text, value: null };
  }
}
