/** 1/rms from what a table keeps of ids: right at any place, and without matrix products once the ids are seen. */

import { describe, expect, test } from 'vitest';
import { smallContextModel } from '../../test/small-context-model.ts';
import { IndexTensor } from '../operations/index-tensor.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { Context } from './context.ts';
import { blockInitialStates } from './context-blocks.ts';
import type { ContextDType } from './context-mode.ts';
import type { ContextModel } from './context-model.ts';

const ids = Int32Array.from({ length: 700 }, (_, position) => (position * position * 7) % 20);
const sequence = { length: ids.length, at: (position: number) => ids[position] as number };

/** x of every position from the table's terms, in pieces of `step`. */
async function byTerms(model: ContextModel, dtype: ContextDType, step: number): Promise<number[]> {
  const { operations, config } = model;
  const table = model.table(dtype);
  table.acquire(ids);
  const ahead = config.initialStateWindow - 1;
  const tokens = Int32Array.from({ length: ahead + ids.length }, (_, place) => ids[place - ahead] ?? -1);
  using tokenIndex = new IndexTensor(operations.backend, tokens);
  using slotIndex = new IndexTensor(operations.backend, table.slotsOf(tokens));
  const states: number[] = [];
  for (let start = 0; start < ids.length; start += step) {
    const count = Math.min(step, ids.length - start);
    using part = table.initialStates(tokenIndex.tensor, slotIndex.tensor, start, count);
    states.push(...(await part.readFloat32()));
  }
  return states;
}

describe.each([1, 2, 3, 5])('window %i', (initialStateWindow) => {
  test.each([
    ['f32', 5e-6],
    ['f16', 2e-3],
  ] as const)('states of sums of terms in %s are those of the positions', async (dtype, tolerance) => {
    const { model } = smallContextModel({ initialStateWindow });
    using expected = blockInitialStates(model, sequence, 0, ids.length);
    const reference = await expected.readFloat32();
    const size = reference.reduce((most, number) => Math.max(most, Math.abs(number)), 0);
    expect(size).toBeGreaterThan(0.5);
    for (const step of [700, 64, 1]) {
      const got = await byTerms(model, dtype, step);
      expect(got).toHaveLength(reference.length);
      const error = got.reduce((most, number, at) => Math.max(most, Math.abs(number - (reference[at] as number))), 0);
      expect(error / size).toBeLessThan(tolerance);
    }
  });
});

test('a text whose ids have been seen is taken in without any matrix product', async () => {
  const host = createHostBackend();
  let products = 0;
  const { matmul } = host.primitives;
  const primitives = {
    ...host.primitives,
    matmul(args: Parameters<typeof matmul>[0]): void {
      products += 1;
      matmul(args);
    },
  };
  const { model } = smallContextModel({ initialStateWindow: 3 }, { backend: { ...host, primitives } });
  model.table('f32').acquire(ids);
  products = 0;
  const context = new Context(model, { mode: 'tables' });
  context.append(ids.slice().reverse());
  context.replace(300, 5, ids.subarray(10, 30));
  expect(products).toBe(0);
  expect(context.length).toBe(715);
});
