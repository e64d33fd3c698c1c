/** Scratch of attention by the ledger: the same however long the context, at most what is stated, in every mode. */

import { describe, expect, it } from 'vitest';
import { smallContextModel } from '../../test/small-context-model.ts';
import { Context } from './context.ts';
import { type ContextMode, contextModes } from './context-mode.ts';
import type { ContextModel } from './context-model.ts';
import { attendScratchBytes } from './context-scratch.ts';
import { consecutive } from './initial-state.ts';
import type { ModelConfig } from './model-config.ts';

const sizes: Partial<ModelConfig> = {
  hiddenSize: 16,
  numAttentionHeads: 2,
  numKeyValueHeads: 1,
  headDim: 8,
  vocabSize: 300,
  maxPositionEmbeddings: 12_288,
};

const ids = (length: number) => Int32Array.from({ length }, (_, place) => (place * 211) % 300);

/** Peak of what the last `queries` positions of each length take in attention besides their result, without fusion. */
function peaks(model: ContextModel, mode: ContextMode, lengths: readonly number[], queries: number): number[] {
  const { operations, config } = model;
  const { ledger } = operations.backend;
  const context = new Context(model, { mode });
  const found = lengths.map((length) => {
    context.append(ids(length).slice(context.length));
    const rows = operations.full([queries, config.numAttentionHeads, config.headDim], 0.1);
    const positions = operations.index(consecutive(length - queries, queries));
    const before = ledger.snapshot().liveTotal;
    ledger.resetPeak();
    const result = context.attend(0, rows, positions);
    const peak = ledger.snapshot().peakLive - before - 4 * result.size;
    for (const tensor of [rows, positions, result]) tensor.dispose();
    return peak;
  });
  context.dispose();
  return found;
}

describe.each(contextModes)('%s', (mode) => {
  it.each([
    ['rope', 3, 1],
    ['rope', 1, 70],
    ['alibi', 1, 1],
    ['none', 2, 1],
    ['learned', 3, 1],
  ] as const)('%s, w = %i, %i at a time', (positionEmbeddingType, initialStateWindow, queries) => {
    const { model } = smallContextModel({ ...sizes, positionEmbeddingType, initialStateWindow });
    const [short, middle, long] = peaks(model, mode, [1024, 8192, 12_288], queries) as [number, number, number];
    const stated = attendScratchBytes(model.config, mode, queries);
    expect(long).toBeLessThanOrEqual(stated);
    expect(long).toBeGreaterThan(stated / 12); // it says something
    if (mode === 'ids')
      expect(long).toBe(middle); // both are longer than a block of it
    else expect([middle, long]).toEqual([short, short]);
  });
});
