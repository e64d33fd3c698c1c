/** Many queries over contexts of their own give what each gives alone, to the bit, on one thread and on two. */

import { type Backend, type ContextView, Tensor } from '@inattention/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCpuBackend } from '../cpu-backend.ts';

const backends: Backend[] = [];
beforeAll(async () => {
  backends.push(await createCpuBackend({ threads: 1 }), await createCpuBackend({ threads: 2 }));
});
afterAll(() => {
  for (const backend of backends) backend.dispose();
});

/** A number in (−1, 1) that depends on its place only. */
function value(seed: number, place: number): number {
  const bits = Math.imul(place + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
  return ((Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d) >>> 22) - 512) / 512;
}

const numbers = (seed: number, size: number) => Float32Array.from({ length: size }, (_, place) => value(seed, place));

interface Shape {
  readonly headDim: number;
  readonly kvHeads: number;
  /** w of rows by slot, 0 for rows of keys and values as they lie. */
  readonly window: number;
}

/** A context of `length` entries in pages of 256. */
function makeView(backend: Backend, own: Tensor[], length: number, { headDim, kvHeads, window }: Shape): ContextView {
  const keep = (tensor: Tensor): Tensor => {
    own.push(tensor);
    return tensor;
  };
  const pages = Math.ceil(length / 256);
  const slots = window === 0 ? pages * 256 : 256;
  const rowsPerPage = 256 * Math.max(1, window);
  const rows = Array.from({ length: slots / 256 }, (_, page) => ({
    keys: keep(
      Tensor.from(
        backend,
        numbers(page + length, rowsPerPage * kvHeads * headDim),
        [rowsPerPage, kvHeads, headDim],
        'context',
      ),
    ),
    values: keep(
      Tensor.from(
        backend,
        numbers(page + length + 7, rowsPerPage * kvHeads * headDim),
        [rowsPerPage, kvHeads, headDim],
        'context',
      ),
    ),
  }));
  const paged = (make: (entries: readonly number[]) => Int32Array | Float32Array): Tensor[] =>
    Array.from({ length: pages }, (_, page) =>
      keep(Tensor.from(backend, make(Array.from({ length: 256 }, (_, entry) => 256 * page + entry)), [256], 'context')),
    );
  return {
    length,
    firstPosition: 0,
    kvHeads,
    headDim,
    window: Math.max(1, window),
    rows: { pages: rows, rowsPerPage },
    positionRows: null,
    index: window === 0 ? null : paged((entries) => Int32Array.from(entries, (entry) => (entry * 31 + length) % 200)),
    scale: window === 0 ? null : paged((entries) => Float32Array.from(entries, (entry) => 0.5 + (entry % 7) / 10)),
    pageLength: 256,
    rope: null,
  };
}

describe.each<[string, Shape, boolean]>([
  ['rows of their own', { headDim: 16, kvHeads: 2, window: 0 }, false],
  ['distances', { headDim: 8, kvHeads: 4, window: 0 }, true],
  ['rows of a table', { headDim: 16, kvHeads: 2, window: 3 }, false],
  ['a head dimension that is not decoded by vectors', { headDim: 6, kvHeads: 2, window: 1 }, false],
])('%s', (_, shape, sloped) => {
  test.each([
    [1, 300],
    [4300, 5, 256, 257, 2048, 2049, 20_000, 1],
    Array.from({ length: 70 }, (_, member) => 20 + 13 * member),
  ])('contexts of %i, %i … entries', async (...lengths: number[]) => {
    const heads = 4;
    const results: Float32Array[] = [];
    for (const backend of backends) {
      const own: Tensor[] = [];
      const views = lengths.map((length) => makeView(backend, own, length, shape));
      const count = lengths.length;
      const [width, { headDim }] = [heads * shape.headDim, shape];
      const queries = Tensor.from(
        backend,
        numbers(3, count * width).map((x) => 3 * x),
        [count, heads, headDim],
        'context',
      );
      // Some see all of their context, some not.
      const at = lengths.map((length, member) => (member % 3 === 2 ? Math.floor(length / 2) : length - 1));
      const positions = Tensor.from(backend, Int32Array.from(at), [count], 'context');
      const slopes = sloped ? Tensor.from(backend, Float32Array.of(0.5, 0.25, 0.125, 0.1), [heads], 'context') : null;
      const make = (...of: number[]) => Tensor.allocate(backend, of, 'f32', 'context');
      const [out, one, max, sum] = [
        make(count, heads, headDim),
        make(1, heads, headDim),
        make(1, heads),
        make(1, heads),
      ];
      own.push(queries, positions, out, one, max, sum, ...(slopes === null ? [] : [slopes]));
      const scale = 1 / Math.sqrt(headDim);
      const before = backend.ledger.snapshot().liveTotal;
      backend.fused.attendEach?.({ queries, positions, contexts: views, slopes, scale, out });
      expect(backend.ledger.snapshot().liveTotal).toBe(before);
      const together = await out.readFloat32();
      for (const [member, context] of views.entries()) {
        using query = queries.slice(member, 1);
        using position = positions.slice(member, 1);
        const range = { from: 0, to: context.length, accumulate: false };
        backend.fused.attend?.({
          queries: query,
          positions: position,
          context,
          slopes,
          scale,
          ...range,
          out: one,
          max,
          sum,
        });
        expect(together.subarray(member * width, (member + 1) * width)).toEqual(await one.readFloat32());
      }
      expect(together.some((x) => Math.abs(x) > 0.05)).toBe(true);
      results.push(together);
      for (const tensor of own) tensor.dispose();
    }
    expect(results[1]).toEqual(results[0]);
  });
});
