import { describe, expect, test } from 'vitest';
import { smallContextModel } from '../../test/small-context-model.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { blockInitialStates } from './context-blocks.ts';
import { distinctIdsOf, longestRun, runInitialStates } from './states-by-id.ts';

const ids = Int32Array.from({ length: 60 }, (_, position) => (position * position * 7) % 20);
const sequence = { length: ids.length, at: (position: number) => ids[position] as number };

/** A host backend that counts rows of matrix products. */
function countingBackend() {
  const host = createHostBackend();
  const rows = { products: 0 };
  const { matmul } = host.primitives;
  const primitives = {
    ...host.primitives,
    matmul(args: Parameters<typeof matmul>[0]): void {
      rows.products += args.rows;
      matmul(args);
    },
  };
  return { backend: { ...host, primitives }, rows };
}

describe('initial states of a run', () => {
  test.each([1, 2, 3, 5])(
    'window %i: those of each position, at the start and later, and nothing is left',
    async (w) => {
      const { backend, model } = smallContextModel({ initialStateWindow: w });
      const before = backend.ledger.snapshot().liveTotal;
      for (const [start, count] of [
        [0, 60],
        [1, 59],
        [7, 40],
        [0, 1],
        [30, 2],
      ] as const) {
        using expected = blockInitialStates(model, sequence, start, count);
        using states = runInitialStates(model, sequence, start, count);
        const [got, reference] = [await states.readFloat32(), await expected.readFloat32()];
        expect(states.shape).toEqual([count, 4]);
        reference.forEach((number, place) => {
          expect(got[place]).toBeCloseTo(number, 5);
        });
      }
      expect(backend.ledger.snapshot().liveTotal).toBe(before);
    },
  );

  test('multiplies each distinct id once', () => {
    const { backend, rows } = countingBackend();
    const { model } = smallContextModel({ initialStateWindow: 3 }, { backend });
    const distinct = new Set(ids).size;
    expect(distinct).toBeLessThan(20);
    const before = model.work.initialStates;
    runInitialStates(model, sequence, 0, 60).dispose();
    expect(rows.products).toBe(2 * distinct);
    expect(model.work.initialStates).toBe(before + 60);
  });

  test('learned positions: the states of each position', async () => {
    const { model } = smallContextModel({ initialStateWindow: 3, positionEmbeddingType: 'learned' });
    using expected = blockInitialStates(model, sequence, 5, 50);
    using states = runInitialStates(model, sequence, 5, 50);
    expect(await states.readFloat32()).toEqual(await expected.readFloat32());
  });

  test('runs hold about a million numbers, and a page at least', () => {
    expect(longestRun(256)).toBe(4096);
    expect(longestRun(1 << 20)).toBe(256);
  });
});

test('names the ids before the block too, and nothing before the start', () => {
  const ids = Int32Array.of(7, 5, 7, 9, 5);
  const sequence = { length: 5, at: (position: number) => ids[position] as number };
  expect(distinctIdsOf(sequence, 0, 3, 3)).toEqual({
    ids: Int32Array.of(7, 5),
    slots: Int32Array.of(-1, -1, 0, 1, 0),
  });
  expect(distinctIdsOf(sequence, 1, 2, 3).slots).toEqual(Int32Array.of(-1, 0, 1, 0));
  expect(distinctIdsOf(sequence, 3, 2, 3)).toEqual({
    ids: Int32Array.of(5, 7, 9),
    slots: Int32Array.of(0, 1, 2, 0),
  });
});
