/** 1/rms by the products of distinct ids: right at any place of a text, in any pieces, and each product computed once. */

import { describe, expect, test } from 'vitest';
import { withFaults } from '../../test/faults.ts';
import { smallContextModel } from '../../test/small-context-model.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { blockInitialStates } from './context-blocks.ts';
import type { ContextModel } from './context-model.ts';
import { WindowTerms } from './window-terms.ts';

const ids = Int32Array.from({ length: 700 }, (_, position) => (position * position * 7) % 20);
const sequence = { length: ids.length, at: (position: number) => ids[position] as number };

/** 1/rms of positions [from, to), in the order they were written. */
async function inverseRms(terms: WindowTerms, from: number, to: number): Promise<number[]> {
  const pieces: Promise<Float32Array>[] = [];
  let next = from;
  terms.inverseRms(sequence, from, to, (start, scale) => {
    expect(start).toBe(next);
    next += scale.size;
    pieces.push(scale.readFloat32());
  });
  expect(next).toBe(to);
  return (await Promise.all(pieces)).flatMap((piece) => [...piece]);
}

/** The same from each position's own state. */
async function byPosition(model: ContextModel, from: number, to: number): Promise<number[]> {
  using states = blockInitialStates(model, sequence, from, to - from);
  const width = model.config.hiddenSize;
  const numbers = await states.readFloat32();
  return Array.from({ length: to - from }, (_, row) => {
    const squares = numbers.subarray(row * width, (row + 1) * width).map((number) => number * number);
    return 1 / Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / width + model.config.rmsNormEps);
  });
}

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

describe.each([1, 2, 3, 5])('window %i', (initialStateWindow) => {
  test.each([
    [0, 700],
    [1, 60],
    [7, 300],
    [0, 1],
    [30, 32],
  ])('1/rms of positions %i to %i, and nothing is left', async (from, to) => {
    const { backend, model } = smallContextModel({ initialStateWindow });
    const before = backend.ledger.snapshot().liveTotal;
    const terms = new WindowTerms(model, to - from);
    const got = await inverseRms(terms, from, to);
    const expected = await byPosition(model, from, to);
    expected.forEach((number, place) => {
      expect((got[place] as number) / number).toBeCloseTo(1, 5);
    });
    terms.dispose();
    expect(backend.ledger.snapshot().liveTotal).toBe(before);
  });
});

test('pieces of an append have their products in common, until weights change', async () => {
  const { backend, rows } = countingBackend();
  const { model } = smallContextModel({ initialStateWindow: 3 }, { backend });
  const distinct = new Set(ids).size;
  expect(distinct).toBeLessThan(20);
  using terms = new WindowTerms(model, 700);
  const whole = await inverseRms(terms, 0, 700);
  expect(rows.products).toBe(distinct);
  expect(await inverseRms(terms, 50, 90)).toEqual(whole.slice(50, 90));
  expect(rows.products).toBe(distinct);
  model.invalidate();
  await inverseRms(terms, 0, 700);
  expect(rows.products).toBe(2 * distinct);
});

test('products beyond the memory for them are given up and computed again', async () => {
  const { backend, model } = smallContextModel({ initialStateWindow: 3 });
  const expected = await byPosition(model, 0, 700);
  for (const kept of [3, 4, 7]) {
    using terms = new WindowTerms(model, 700, kept * 2 * 4); // so many ids' products
    let most = 0;
    const got: number[] = [];
    const pieces: Promise<Float32Array>[] = [];
    terms.inverseRms(sequence, 0, 700, (_, scale) => {
      most = Math.max(most, backend.ledger.live('scratch'));
      pieces.push(scale.readFloat32());
    });
    for (const piece of pieces) got.push(...(await piece));
    expect(got).toHaveLength(700);
    expected.forEach((number, place) => {
      expect((got[place] as number) / number).toBeCloseTo(1, 5);
    });
    expect(most).toBeLessThanOrEqual(4 * (kept * 2 * 4 + 702)); // products, and numbers of positions
  }
});

test('whatever call fails, what is computed afterwards is right', async () => {
  const faulty = withFaults(createHostBackend());
  const { model } = smallContextModel({ initialStateWindow: 3 }, { backend: faulty.backend });
  using terms = new WindowTerms(model, 700);
  const expected = await byPosition(model, 0, 60);
  let failures = 0;
  for (let call = 1; ; call += 1) {
    model.invalidate();
    faulty.failAt(call);
    try {
      terms.inverseRms(sequence, 0, 60, () => undefined);
      break;
    } catch {
      failures += 1;
    }
    faulty.failAt(0);
    const got = await inverseRms(terms, 0, 60);
    expected.forEach((number, place) => {
      expect((got[place] as number) / number).toBeCloseTo(1, 5);
    });
  }
  expect(failures).toBeGreaterThan(10);
});
