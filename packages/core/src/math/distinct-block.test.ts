/** Mode `ids` by distinct ids is mode `kv`, does less work, and takes scratch that does not grow with the context. */

import { describe, expect, it } from 'vitest';
import { smallContextModel } from '../../test/small-context-model.ts';
import { Context } from './context.ts';
import { distinctIdsFlops, positionsFlops, statesByDistinctIds } from './context-cost.ts';
import type { ContextMode } from './context-mode.ts';
import type { ContextModel } from './context-model.ts';
import type { ModelConfig, PositionEmbeddingType } from './model-config.ts';
import { distinctBlockLength } from './page-sizes.ts';
import { distinctIdsOf } from './states-by-id.ts';

const sizes: Partial<ModelConfig> = {
  hiddenSize: 16,
  numAttentionHeads: 2,
  numKeyValueHeads: 1,
  headDim: 4,
  vocabSize: 1000,
  maxPositionEmbeddings: 5000,
  attentionTypes: ['inattention', 'inattention'],
};
/** Into a second block. */
const length = distinctBlockLength + 300;

/** Ids of which the first `length − 300` are among 40, the others all different. */
const mixed = Int32Array.from({ length }, (_, place) =>
  place < distinctBlockLength ? (place * place) % 40 : 100 + place - distinctBlockLength,
);

async function read(model: ContextModel, mode: ContextMode, ids: Int32Array, places: readonly number[]) {
  const { operations, work } = model;
  const context = new Context(model, { mode });
  context.append(ids);
  const before = { ...work };
  const queriesOf = (count: number) =>
    operations.upload(
      Float32Array.from({ length: count * model.config.numAttentionHeads * 4 }, (_, i) => 2 * Math.sin(3 * i + 1)),
      [count, model.config.numAttentionHeads, 4],
    );
  const out = await context.attend(1, queriesOf(places.length), operations.index(places)).read();
  const attendWork = {
    rows: work.blockRows - before.blockRows,
    positions: work.projectedPositions - before.projectedPositions,
  };
  const weights = await context.weights(1, queriesOf(1), operations.index([ids.length - 2])).read();
  context.dispose();
  return { out, weights, ...attendWork };
}

function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(got.length).toBe(expected.length);
  const worst = Array.from(got).reduce((most, x, i) => Math.max(most, Math.abs(x - (expected[i] as number))), 0);
  expect(worst).toBeLessThan(2e-4);
}

describe.each<[PositionEmbeddingType, number]>([
  ['rope', 3],
  ['rope', 1],
  ['alibi', 2],
  ['none', 3],
  ['learned', 2],
])('%s, w = %i', (positionEmbeddingType, initialStateWindow) => {
  it('equals kv, and projects distinct ids where that is less work', async () => {
    const changes = { ...sizes, positionEmbeddingType, initialStateWindow };
    const { model } = smallContextModel(changes);
    const places = [length - 1, distinctBlockLength + 1, distinctBlockLength, 4000, 1, 0];
    const expected = await read(model, 'kv', mixed, places);
    const got = await read(model, 'ids', mixed, places);
    expectClose(got.out, expected.out);
    expectClose(got.weights, expected.weights);
    const one = await read(model, 'ids', mixed, places.slice(0, 1));
    expectClose(one.out, expected.out.slice(0, 2 * 4));
    if (positionEmbeddingType === 'learned') expect(one).toMatchObject({ rows: 0, positions: 0 }); // states are read
    // The second block has an id per position: its positions are projected.
    if (positionEmbeddingType === 'learned') expect(got).toMatchObject({ rows: 0, positions: length });
    else {
      expect(got.positions).toBe(300);
      expect(got.rows).toBeLessThanOrEqual(40 * initialStateWindow);
      expect(got.rows).toBeGreaterThan(0);
    }
  });
});

it('chooses by counted work', () => {
  const { model } = smallContextModel({ ...sizes, initialStateWindow: 3 });
  const { config } = model;
  expect(distinctIdsFlops(config, 1000, 10)).toBeLessThan(positionsFlops(config, 1000));
  expect(distinctIdsFlops(config, 1000, 1000)).toBeGreaterThan(positionsFlops(config, 1000));
});

it('reads states of distinct ids where that is less work, by every way to read them', async () => {
  for (const positionEmbeddingType of ['none', 'rope'] as const) {
    // Eight key heads: rows of distinct ids would be the most work in the first block.
    const wide = { ...sizes, numAttentionHeads: 8, numKeyValueHeads: 8, initialStateWindow: 4, positionEmbeddingType };
    const { model } = smallContextModel(wide);
    const ids = Int32Array.from({ length: 700 }, (_, place) => (place * place + 3 * place) % 401);
    const { length: distinct } = distinctIdsOf({ length: 700, at: (place) => ids[place] as number }, 0, 700, 4).ids;
    expect(statesByDistinctIds(model.config, 700, distinct)).toBe(true);
    expect(distinctIdsFlops(model.config, 700, distinct)).toBeGreaterThan(positionsFlops(model.config, 700, distinct));
    const expected = await read(model, 'kv', ids, [699, 3]);
    const got = await read(model, 'ids', ids, [699, 3]);
    expectClose(got.out, expected.out);
    expectClose(got.weights, expected.weights);
    expect(got).toMatchObject({ rows: 0, positions: positionEmbeddingType === 'rope' ? 700 : 0 });
  }
});

it('takes scratch that does not grow with the context', () => {
  const peak = (blocks: number) => {
    const { backend, model } = smallContextModel({ ...sizes, initialStateWindow: 3, positionEmbeddingType: 'rope' });
    const context = new Context(model, { mode: 'ids' });
    context.append(Int32Array.from({ length: blocks * distinctBlockLength }, (_, place) => (place * place) % 40));
    const queries = model.operations.zeros([1, 2, 4]);
    const positions = model.operations.index([context.length - 1]);
    const before = backend.ledger.snapshot().liveTotal;
    backend.ledger.resetPeak();
    context.attend(1, queries, positions);
    return backend.ledger.snapshot().peakLive - before;
  };
  expect(peak(4)).toBe(peak(2));
});
