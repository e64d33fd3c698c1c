/** `inattention bench --positions`: training on chosen positions from the command line. Node only. */

import { selectBackend } from '@inattention/core';
import type { BackendName } from '../backend-names.ts';
import { candidatesFor, onlyBackend } from '../backends.ts';
import { type BenchOutput, progressLines } from '../bench-output.ts';
import { environment } from '../environment.ts';
import { checkOutputs, deliver } from '../outputs.ts';
import type { Shape } from '../shapes.ts';
import { readMobyDick } from '../texts.ts';
import { tokenise } from '../tokenise.ts';
import { trainingShape } from '../training/training-shape.ts';
import { positionsMarkdown, positionsReport } from './positions-report.ts';
import { runPositions } from './run-positions.ts';

interface PositionsCommandOptions {
  readonly positions: number;
  readonly lengths?: readonly number[];
  readonly shape?: Shape;
  readonly window: number;
  readonly selfUpTo?: number;
  readonly rounds?: number;
  readonly backend: BackendName | 'auto';
  readonly memory?: number;
  readonly out?: string;
  readonly markdown?: string;
  readonly json?: boolean;
}

const defaultLengths = [1024, 4096, 16_384, 65_536];

/** Measures, writes the result and prints it. */
export async function benchPositions(options: PositionsCommandOptions, output: BenchOutput): Promise<void> {
  const { positions, lengths = defaultLengths, shape = trainingShape, window, selfUpTo = 4096, rounds = 3 } = options;
  const { memory } = options;
  checkOutputs(options);
  output.error('Reading and tokenising text …\n');
  const text = await tokenise(await readMobyDick(), Math.max(...lengths) + 1, shape.vocabSize);
  const { backend, reason } = await selectBackend(candidatesFor(options), onlyBackend(options.backend));
  output.error(`Backend: ${backend.name} (${backend.info.device}); ${reason}\n`);
  const flags = [
    `inattention bench --positions ${positions} --lengths ${lengths.join(',')} --window ${window}`,
    ...(options.shape === undefined ? [] : [`--shape ${shape.name}`]),
    `--self-up-to ${selfUpTo} --rounds ${rounds} --backend ${backend.name}`,
    ...(memory === undefined ? [] : [`--memory ${memory}`]),
  ];
  try {
    const result = await runPositions({
      ...{ backend, shape, window, positions, lengths, text, rounds, fullUpTo: selfUpTo },
      environment: environment(),
      command: flags.join(' '),
      signal: output.signal,
      onProgress: progressLines(output),
    });
    const texts = { report: positionsReport(result), markdown: positionsMarkdown(result) };
    deliver(result, texts, options, output);
  } finally {
    backend.dispose();
  }
}
