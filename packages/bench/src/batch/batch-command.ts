/** `inattention bench --sessions`: many sessions at once from the command line. Node only. */

import { selectBackend } from '@inattention/core';
import type { ContextMode, WeightDType } from '@inattention/core/math';
import type { BackendName } from '../backend-names.ts';
import { candidatesFor, onlyBackend } from '../backends.ts';
import { type BenchOutput, progressLines } from '../bench-output.ts';
import { environment } from '../environment.ts';
import { checkOutputs, deliver } from '../outputs.ts';
import type { Variant } from '../result.ts';
import { type Shape, smallShape } from '../shapes.ts';
import { readMobyDick } from '../texts.ts';
import { tokenise } from '../tokenise.ts';
import { batchMarkdown, batchReport } from './batch-report.ts';
import { runBatch } from './run-batch.ts';

export interface BatchCommandOptions {
  readonly sessions: number;
  readonly tokens?: number;
  readonly variants?: readonly Variant[];
  readonly shape?: Shape;
  readonly contextDtype: 'f32' | 'f16';
  readonly weightDtype: WeightDType;
  readonly window: number;
  readonly rounds?: number;
  readonly backend: BackendName | 'auto';
  readonly memory?: number;
  readonly out?: string;
  readonly markdown?: string;
  readonly json?: boolean;
}

const batches = [1, 2, 4, 8, 16, 32, 64];

/** Ids between the beginnings of two stretches, and of the text to use, at most. */
const [longestStride, longestText] = [256, 250_000];

/** Measures one mode (the only one of `variants`; default tables), writes the result and prints it. */
export async function benchSessions(options: BatchCommandOptions, output: BenchOutput): Promise<void> {
  const { sessions, tokens = 10_000, shape = smallShape, variants = [], rounds = 5 } = options;
  const { contextDtype: dtype, weightDtype: weightDType, window, memory } = options;
  checkOutputs(options);
  const mode = variants.find((variant) => variant !== 'self') ?? 'tables';
  const stride = Math.max(1, Math.min(longestStride, Math.floor((longestText - tokens) / sessions)));
  const sizes = batches.filter((batch) => batch <= sessions);
  const ahead = (rounds + 1) * sizes.length; // ids each session decodes at most
  output.error('Reading and tokenising text …\n');
  const needed = tokens + (sessions - 1) * stride + ahead;
  const text = await tokenise(await readMobyDick(), needed, shape.vocabSize, 'ask for fewer --tokens or --sessions');
  const { backend, reason } = await selectBackend(candidatesFor(options), {
    ...onlyBackend(options.backend),
    contextDType: dtype,
    weightDType,
  });
  output.error(`Backend: ${backend.name} (${backend.info.device}); ${reason}\n`);
  try {
    const result = await runBatch({
      ...{ backend, shape, mode, dtype, weightDType, window, sessions, tokens, stride, text, rounds },
      batches: sizes,
      environment: environment(),
      command: commandLine({
        ...{ shape, mode, dtype, weightDType, window, sessions, tokens, rounds, memory },
        backend: backend.name,
      }),
      signal: output.signal,
      onProgress: progressLines(output),
    });
    const texts = { report: batchReport(result), markdown: batchMarkdown(result) };
    deliver(result, texts, options, output);
  } finally {
    backend.dispose();
  }
}

/** The command that repeats the bench, every setting spelled out. */
function commandLine(settings: {
  readonly shape: Shape;
  readonly mode: ContextMode;
  readonly dtype: string;
  readonly weightDType: string;
  readonly window: number;
  readonly sessions: number;
  readonly tokens: number;
  readonly rounds: number;
  readonly backend: string;
  readonly memory: number | undefined;
}): string {
  const { shape, mode, dtype, weightDType, window, sessions, tokens, rounds, backend, memory } = settings;
  return [
    `inattention bench --sessions ${sessions} --tokens ${tokens} --shape ${shape.name} --variants ${mode}`,
    `--context-dtype ${dtype} --weight-dtype ${weightDType} --window ${window} --rounds ${rounds}`,
    `--backend ${backend}`,
    ...(memory === undefined ? [] : [`--memory ${memory}`]),
  ].join(' ');
}
