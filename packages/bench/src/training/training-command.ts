/** `inattention bench --training`: a training step from the command line. Node only. */

import { createCpuBackend } from '@inattention/cpu';
import { type BenchOutput, progressLines } from '../bench-output.ts';
import { environment } from '../environment.ts';
import { checkOutputs, deliver } from '../outputs.ts';
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
  const { threads = [1], rounds = defaultRounds } = options;
  checkOutputs(options);
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
    onProgress: progressLines(output),
  });
  const texts = { report: trainingReport(result), markdown: trainingMarkdown(result) };
  deliver(result, texts, options, output);
}
