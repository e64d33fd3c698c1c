/** `inattention bench --training`: a training step from the command line. Node only. */

import { createCpuBackend } from '@inattention/cpu';
import type { BenchOutput } from '../bench-output.ts';
import { environment } from '../environment.ts';
import { checkOutputs, writeTexts } from '../outputs.ts';
import { runTraining } from './run-training.ts';
import { trainingPeers } from './training-peers.ts';
import { trainingMarkdown, trainingReport } from './training-report.ts';
import { trainingLength, trainingShape, trainingTexts } from './training-shape.ts';

export interface TrainingCommandOptions {
  readonly threads?: readonly number[];
  readonly rounds?: number;
  readonly out?: string;
  readonly markdown?: string;
  readonly json?: boolean;
}

const defaultRounds = 7;
/** Engines compile WebAssembly for speed after some calls, of which a step makes hundreds; losses of three are compared. */
const warmUpSteps = 3;

/** Measures and writes the result. */
export async function benchTraining(options: TrainingCommandOptions, output: BenchOutput): Promise<void> {
  const { threads = [1], rounds = defaultRounds, out, markdown, json } = options;
  checkOutputs(options);
  const begin = performance.now();
  const result = await runTraining({
    shape: trainingShape,
    texts: trainingTexts,
    length: trainingLength,
    windows: [3, 1],
    threads,
    rounds,
    warmUpSteps,
    peers: trainingPeers,
    createBackend: (count) => createCpuBackend({ threads: count }),
    environment: environment(),
    command: `inattention bench --training --threads ${threads.join(',')} --rounds ${rounds}`,
    signal: output.signal,
    onProgress: (what) => output.error(`${((performance.now() - begin) / 1000).toFixed(0)} s: ${what}\n`),
  });
  const resultJson = `${JSON.stringify(result, null, 2)}\n`;
  const files = [[out, resultJson] as const, [markdown, trainingMarkdown(result)] as const];
  for (const file of writeTexts(files)) output.error(`Wrote ${file}\n`);
  output.out(json === true ? resultJson : trainingReport(result));
}
