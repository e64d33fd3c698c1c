/** `inattention bench --positions`: training on chosen positions from the command line. Node only. */

import { selectBackend } from '@inattention/core';
import { type BackendName, candidatesFor, onlyBackend } from '../backends.ts';
import type { BenchOutput } from '../bench-output.ts';
import { environment } from '../environment.ts';
import { checkOutputs, writeTexts } from '../outputs.ts';
import type { Shape } from '../shapes.ts';
import { readMobyDick } from '../texts.ts';
import { tokenise } from '../tokenise.ts';
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

/** 1.1 million parameters: seconds per step at 64 Ki on two cores. */
const trainedShape: Shape = {
  name: '4 layers, D 128, 2,048 ids',
  vocabSize: 2048,
  hiddenSize: 128,
  intermediateSize: 352,
  numHiddenLayers: 4,
  numAttentionHeads: 4,
  numKeyValueHeads: 4,
  headDim: 32,
  tieWordEmbeddings: true,
};

const defaultLengths = [1024, 4096, 16_384, 65_536];

/** Measures, writes the result and prints it. */
export async function benchPositions(options: PositionsCommandOptions, output: BenchOutput): Promise<void> {
  const { positions, lengths = defaultLengths, shape = trainedShape, window, selfUpTo = 4096, rounds = 3 } = options;
  const { memory, out, markdown, json } = options;
  checkOutputs(options);
  output.error('Reading and tokenising text …\n');
  const text = await tokenise(await readMobyDick(), Math.max(...lengths) + 1, shape.vocabSize);
  const { backend, reason } = await selectBackend(candidatesFor(options), onlyBackend(options.backend));
  output.error(`Backend: ${backend.name} (${backend.info.device}); ${reason}\n`);
  const begin = performance.now();
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
      onProgress: (what) => output.error(`${((performance.now() - begin) / 1000).toFixed(0)} s: ${what}\n`),
    });
    const resultJson = `${JSON.stringify(result, null, 2)}\n`;
    const files = [[out, resultJson] as const, [markdown, positionsMarkdown(result)] as const];
    for (const file of writeTexts(files)) output.error(`Wrote ${file}\n`);
    output.out(json === true ? resultJson : positionsReport(result));
  } finally {
    backend.dispose();
  }
}
