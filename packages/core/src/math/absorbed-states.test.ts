/** Mode `states` with absorbed projections is mode `kv`, for every kind of position that allows it and weight storage. */

import { describe, expect, it } from 'vitest';
import { smallContextModel } from '../../test/small-context-model.ts';
import { Context } from './context.ts';
import { absorbedStatesFlops, absorbs, projectedStatesFlops } from './context-cost.ts';
import type { ContextDType, ContextMode } from './context-mode.ts';
import type { ContextModel } from './context-model.ts';
import { consecutive } from './initial-state.ts';
import type { ModelConfig } from './model-config.ts';
import { weightDTypes } from './weight-storage.ts';

const sizes: Partial<ModelConfig> = {
  hiddenSize: 32,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 16,
  vocabSize: 50,
  maxPositionEmbeddings: 700,
  attentionTypes: ['inattention', 'inattention'],
};
const length = 600;

/** Attention and weights of a context in `mode`, layer 1, at `places`. */
async function read(model: ContextModel, mode: ContextMode, dtype: ContextDType, places: readonly number[]) {
  const { operations, work } = model;
  const context = new Context(model, { mode, dtype });
  context.append(Int32Array.from({ length }, (_, place) => (place * place + 7 * place) % 50));
  context.replace(300, 2, Int32Array.of(1, 2, 3));
  const before = work.projectedPositions;
  const queriesOf = (count: number) =>
    operations.upload(
      Float32Array.from({ length: count * 4 * 16 }, (_, i) => 2 * Math.sin(3 * i + 1)),
      [count, 4, 16],
    );
  const out = context.attend(1, queriesOf(places.length), operations.index(places));
  const weights = context.weights(1, queriesOf(1), operations.index([places[0] as number]));
  const result = { out: await out.read(), weights: await weights.read(), projected: work.projectedPositions - before };
  context.dispose();
  return result;
}

function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(got.length).toBe(expected.length);
  const worst = Array.from(got).reduce((most, x, i) => Math.max(most, Math.abs(x - (expected[i] as number))), 0);
  expect(worst).toBeLessThan(tolerance);
}

describe.each(['none', 'alibi', 'learned'] as const)('%s', (positionEmbeddingType) => {
  it.each(weightDTypes)('equals projecting, with nothing projected, weights in %s', async (weightDType) => {
    for (const initialStateWindow of [1, 3]) {
      const changes = { ...sizes, positionEmbeddingType, initialStateWindow };
      const { model } = smallContextModel(changes, { weightDType });
      const expected = await read(model, 'kv', 'f32', [600, 257]);
      const got = await read(model, 'states', 'f32', [600, 257]);
      expect(got.projected).toBe(0);
      expect(Math.max(...expected.weights)).toBeGreaterThan(0.02);
      expectClose(got.out, expected.out, 2e-4);
      expectClose(got.weights, expected.weights, 2e-4);
      const half = await read(model, 'states', 'f16', [600, 257]);
      expect(half.projected).toBe(0);
      expectClose(half.out, expected.out, 2e-2);
      const many = consecutive(577, 24);
      const projected = await read(model, 'states', 'f32', [...many]);
      expect(projected.projected).toBe(601); // by counted work
      expectClose(projected.out, (await read(model, 'kv', 'f32', [...many])).out, 2e-4);
    }
  });
});

it('is never chosen for rope, and else where it counts less work', () => {
  const { model } = smallContextModel({ ...sizes, positionEmbeddingType: 'rope' });
  expect(absorbs(model.config, 1, 4096)).toBe(false);
  const config = { ...model.config, positionEmbeddingType: 'none' } as const;
  for (const queries of [1, 4, 7, 8, 9, 16, 64]) {
    const less = absorbedStatesFlops(config, queries, 4096) < projectedStatesFlops(config, queries, 4096);
    expect(absorbs(config, queries, 4096)).toBe(less);
  }
  expect([absorbs(config, 1, 4096), absorbs(config, 64, 4096)]).toEqual([true, false]);
});
