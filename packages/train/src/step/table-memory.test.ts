import { createCpuBackend } from '@inattention/cpu';
import { createModel } from '@inattention/model';
import { afterAll, describe, expect, it } from 'vitest';
import { text } from '../../test/gradient-numbers.ts';
import { seededTokens, smallConfig } from '../../test/small-model.ts';
import { kernelScratchBytes } from '../plan/plan-training.ts';
import type { ComputeOptions } from './compute-options.ts';
import { computeGradients } from './gradients.ts';
import { rowBlockLength } from './row-blocks.ts';

const backend = await createCpuBackend({ threads: 2 });
afterAll(() => backend.dispose());

const window = 3;
const kept = 32;
const sizes = (layers: number, hiddenSize: number) => ({
  ...{ numHiddenLayers: layers, hiddenSize, initialStateWindow: window, numAttentionHeads: 4, numKeyValueHeads: 2 },
  ...{ headDim: hiddenSize / 4, intermediateSize: 2 * hiddenSize, maxPositionEmbeddings: 8192 },
  attentionTypes: Array<'inattention'>(layers).fill('inattention'),
});

/** Bytes that gradients of some positions of a text take at most, beside the weights. */
function peakOf(layers: number, hiddenSize: number, length: number, options: ComputeOptions, count = kept): number {
  using model = createModel(smallConfig(sizes(layers, hiddenSize)), backend, { seed: 1 });
  const positions = Array.from({ length: count }, (_, place) => Math.floor(((place + 1) * length) / count) - 1);
  const before = backend.ledger.snapshot().liveTotal;
  backend.ledger.resetPeak();
  computeGradients(model, [{ texts: [text(seededTokens(1, length + 1), positions)] }], options).dispose();
  return backend.ledger.snapshot().peakLive - before;
}

describe('memory of gradients by table row', () => {
  const tables: ComputeOptions = { context: 'tables', chunkLength: 256 };

  it('grows by a few numbers per position, however many layers and however wide', () => {
    for (const [layers, hiddenSize] of [
      [1, 32],
      [6, 32],
      [1, 128],
      [6, 128],
    ] as const) {
      const perPosition = (options: ComputeOptions) =>
        (peakOf(layers, hiddenSize, 6144, options) - peakOf(layers, hiddenSize, 2048, options)) / 4096;
      // Slots, rows in order, 1/rms, its gradient, and what its gradient is computed with.
      expect(perPosition(tables)).toBeLessThan(4 * (window + 8));
      expect(perPosition({ context: 'dense' })).toBeGreaterThan(4 * layers * hiddenSize);
    }
  });

  it('is bounded by the formula: O(K·L·D + w·U·L·d_kv)', () => {
    const [layers, hiddenSize, length, chunk] = [6, 128, 6144, 256];
    const [heads, width, vocabSize, mlp] = [4, 64, 61, 256];
    using model = createModel(smallConfig(sizes(layers, hiddenSize)), backend);
    const rows = vocabSize * window;
    const ofLayer = 6 * hiddenSize + 3 * hiddenSize + 3 * mlp + heads + 2; // per position that counts
    const activations = kept * (layers * ofLayer + (2 * window + 2) * hiddenSize + vocabSize);
    const table = rows * (2 * layers * width + 4 * hiddenSize + 2 * width);
    const contexts = length * (window + 8) + Math.ceil(length / chunk) * 2 * rows;
    const scratch = chunk * (14 * width + 3 * hiddenSize) + 3 * Math.min(rows, rowBlockLength(hiddenSize)) * hiddenSize;
    const numbers = model.parameters + activations + table + contexts + scratch + 8 * kept * (hiddenSize + mlp);
    const peak = peakOf(layers, hiddenSize, length, tables);
    expect(peak).toBeLessThan(4 * numbers + 2 ** 20);
    expect(peak).toBeGreaterThan(2 * numbers); // the formula is no empty promise
    expect(peakOf(layers, hiddenSize, length, { context: 'dense' })).toBeGreaterThan(8 * numbers + kernelScratchBytes);
  });

  it('is less with layers computed again', () => {
    const options = { ...tables, checkpointedLayers: 6 };
    expect(peakOf(6, 128, 2048, options, 512)).toBeLessThan(0.5 * peakOf(6, 128, 2048, tables, 512));
  });
});
