/** `inattention bench` and `pnpm bench`: the sweep from the command line, with progress on standard error. Node only. */

import { readFile } from 'node:fs/promises';
import { type BackendCandidate, InvalidFileError, selectBackend } from '@inattention/core';
import type { WeightDType } from '@inattention/core/math';
import { createCpuBackend } from '@inattention/cpu';
import { Command } from 'commander';
import { benchSessions } from './batch/batch-command.ts';
import type { BenchOutput } from './bench-output.ts';
import { commandLine } from './command-line.ts';
import { environment } from './environment.ts';
import {
  parseCount,
  parseDtype,
  parseLength,
  parseLengths,
  parseShape,
  parseThreads,
  parseVariants,
  parseWeightDtype,
  variantNames,
} from './flags.ts';
import { benchKernels, refuseOtherFlags } from './kernels/kernel-command.ts';
import { checkOutputs, type OutputFiles, standardOutput, writeOutputs, writePartial } from './outputs.ts';
import { progressDisplay } from './progress-display.ts';
import { parseResult } from './report/parse-result.ts';
import type { SweepResult, Variant } from './result.ts';
import { type Shape, smallShape, sweepDefaults, sweepShapes } from './shapes.ts';
import { decodedTokens, runSweep, warmUpDocumentTokens } from './sweep/sweep.ts';
import { readMobyDick, readStateOfTheUnion } from './texts.ts';
import { tokenise } from './tokenise.ts';

interface BenchOptions extends OutputFiles {
  readonly lengths?: readonly number[];
  readonly variants?: readonly Variant[];
  readonly shape?: Shape;
  readonly contextDtype: 'f32' | 'f16';
  readonly weightDtype: WeightDType;
  readonly window: number;
  readonly selfUpTo?: number;
  readonly rounds?: number;
  readonly roundTime?: number;
  readonly memory?: number;
  readonly from?: string;
  readonly json?: boolean;
  readonly sessions?: number;
  readonly tokens?: number;
  readonly kernels?: boolean;
  readonly threads?: readonly number[];
}

/** The command; the caller adds it to a program or parses arguments with it. */
export function benchCommand(output: BenchOutput): Command {
  const shapes = sweepShapes.map(({ name }) => name).join(', ');
  return new Command('bench')
    .description('Sweep context lengths: InAttention in every mode against the same-size self-attention model')
    .option('--shape <name>', `one of ${shapes} (default: ${smallShape.name})`, parseShape)
    .option('--lengths <list>', 'context lengths, comma-separated; Ki as suffix (default: by shape)', parseLengths)
    .option('--variants <list>', `of ${variantNames.join(', ')} (default: all)`, parseVariants)
    .option('--context-dtype <dtype>', 'f32 or f16, the baseline’s KV cache too', parseDtype, 'f32')
    .option('--weight-dtype <dtype>', 'f32, f16 or i8, the baseline’s weights too', parseWeightDtype, 'f32')
    .option('--window <w>', 'initial-state window of the InAttention model', parseCount, 3)
    .option('--self-up-to <tokens>', 'run the baseline to this length, extrapolate beyond (default: 4Ki)', parseLength)
    .option('--rounds <n>', 'rounds per length at most (default: 3; of kernels: 15)', parseCount)
    .option('--round-time <ms>', 'begin a further round only while a length took less (default: by shape)', parseCount)
    .option('--memory <bytes>', 'bytes the CPU backend may hold', parseCount)
    .option('--out <file>', 'also write the result as JSON, after every measurement')
    .option('--report <file>', 'also write one self-contained HTML page')
    .option('--markdown <file>', 'also write the tables as Markdown')
    .option('--from <file>', 'run nothing: report the result that an earlier --out wrote')
    .option('--json', 'print the result as JSON instead of tables')
    .option('--sessions <n>', 'measure this many sessions at once instead, by batch size', parseCount)
    .option('--tokens <n>', 'ids of each of those sessions (default: 10000)', parseLength)
    .option('--kernels', 'measure kernels instead, beside other libraries; takes --threads, --rounds, --out and --json')
    .option(
      '--threads <list>',
      'numbers of threads to measure kernels with, comma-separated (default: 1)',
      parseThreads,
    )
    .addHelpText(
      'after',
      `
Text: Moby-Dick (measured) and State of the Union addresses (to warm tables), in a byte-pair vocabulary of the shape's size.
Figures are medians of interleaved rounds; "~" marks extrapolated ones, with their formula. What does not fit is a row
with the bytes it would need. Ctrl-C ends the sweep and reports what was measured.

Examples:
  inattention bench
  inattention bench --shape gpt2-124m --out gpt2.json --report gpt2.html
  inattention bench --shape gpt2-124m --context-dtype f16 --lengths 1Ki,64Ki --variants self,tables,kv
  inattention bench --from gpt2.json --report gpt2.html --markdown gpt2.md
  inattention bench --kernels --threads 1,2 --out kernels.json
  inattention bench --sessions 1000 --tokens 10000`,
    )
    .action((options: BenchOptions, command: Command) => {
      refuseOtherFlags(command, options.kernels === true);
      if (options.kernels === true) return benchKernels(options, output);
      return options.sessions === undefined
        ? runBench(options, output)
        : benchSessions({ ...options, sessions: options.sessions }, output);
    });
}

async function runBench(options: BenchOptions, output: BenchOutput): Promise<void> {
  checkOutputs(options);
  const report = async (result: SweepResult): Promise<void> => {
    for (const file of await writeOutputs(result, options)) output.error(`Wrote ${file}\n`);
    output.out(standardOutput(result, options.json === true));
  };
  if (options.from !== undefined) return report(await readResult(options.from));
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
  const longest = Math.max(...lengths) + decodedTokens;
  output.error('Reading and tokenising text …\n');
  const text = await tokenise(await readMobyDick(), longest, shape.vocabSize);
  const warmUpText = await tokenise(await readStateOfTheUnion(), warmUpDocumentTokens, shape.vocabSize);
  const memory = options.memory === undefined ? {} : { maxBytes: options.memory };
  const candidates: BackendCandidate[] = [{ name: 'cpu', create: () => createCpuBackend(memory) }];
  const { backend, reason } = await selectBackend(candidates, {
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
      command: commandLine({ ...settings, shape, memory: options.memory }),
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

async function readResult(file: string): Promise<SweepResult> {
  let json: string;
  try {
    json = await readFile(file, 'utf8');
  } catch (cause) {
    throw new InvalidFileError({ what: `${file} cannot be read.`, got: (cause as Error).message, cause });
  }
  return parseResult(json, file);
}
