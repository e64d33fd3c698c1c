/** The host backend refuses what a fast backend would read astray: each rule of the contract has a test here. */

import { describe, expect, it } from 'vitest';
import type { TensorView } from '../backend/tensor-view.ts';
import { DisposedError, DTypeError, InvalidArgumentError, OutOfMemoryError, ShapeError } from '../errors/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { createHostBackend } from './host-backend.ts';

const backend = createHostBackend();
const { primitives } = backend;

function view(data: readonly number[], dtype: DType = 'f32'): TensorView {
  const buffer = backend.allocate(data.length * 4, 'scratch');
  const bytes =
    dtype === 'i32' ? Int32Array.from(data) : dtype === 'f16' ? Uint16Array.from(data) : Float32Array.from(data);
  backend.write(buffer, 0, bytes);
  return { buffer, byteOffset: 0, dtype, shape: [data.length] };
}

const shaped = (of: TensorView, shape: readonly number[]): TensorView => ({ ...of, shape });
const numbers = async ({ buffer, byteOffset, shape }: TensorView) => {
  const size = shape.reduce((total, axis) => total * axis, 1);
  return [...new Float32Array(await backend.read(buffer, byteOffset, size * 4))];
};

describe('memory', () => {
  it('is counted exactly, by purpose, rounded up to 4 bytes', () => {
    const own = createHostBackend();
    const [a, b] = [own.allocate(10, 'weights'), own.allocate(0, 'context')];
    expect([a.byteLength, b.byteLength]).toEqual([12, 0]);
    expect(own.ledger.snapshot()).toMatchObject({ liveTotal: 12, reserved: 0, peakLive: 12, live: { weights: 12 } });
    own.free(a);
    own.free(b);
    expect(own.ledger.snapshot()).toMatchObject({ liveTotal: 0, peakLive: 12 });
    expect(() => own.allocate(-1, 'weights')).toThrow(InvalidArgumentError);
  });

  it('is undefined when new: NaN as floats, no row number as an integer', async () => {
    const bytes = await backend.read(backend.allocate(4, 'scratch'), 0, 4);
    expect(new Float32Array(bytes)[0]).toBeNaN();
    expect(new Int32Array(bytes)[0]).toBe(2147450879);
  });

  it('ends at its limit, at allocation and at reserve', async () => {
    const own = createHostBackend({ maxBytes: 16 });
    const kept = own.allocate(8, 'weights');
    expect(() => own.allocate(12, 'weights')).toThrow(OutOfMemoryError);
    await expect(own.reserve(12)).rejects.toThrow(OutOfMemoryError);
    await own.reserve(8);
    own.free(kept);
    await own.reserve(16);
    expect(own.ledger.snapshot()).toMatchObject({ liveTotal: 0, peakLive: 8 });
  });

  it('refuses foreign, freed and misaligned regions, and regions beyond a buffer', async () => {
    const [own, foreign] = [backend.allocate(8, 'scratch'), createHostBackend().allocate(8, 'scratch')];
    expect(() => backend.free(foreign)).toThrow(/another backend/);
    expect(() => backend.write({ byteLength: 8 }, 0, new Uint8Array(4))).toThrow(InvalidArgumentError);
    expect(() => backend.write(own, 2, new Uint8Array(4))).toThrow(/multiple of 4 bytes/);
    expect(() => backend.write(own, 4, new Uint8Array(8))).toThrow(/Got: bytes 4 … 12. Expected: within 0 … 8/);
    await expect(backend.read(own, -4, 4)).rejects.toThrow(InvalidArgumentError);
    backend.free(own);
    expect(() => backend.free(own)).toThrow(/freed twice/);
    await expect(backend.read(own, 0, 4)).rejects.toThrow(DisposedError);
  });

  it('is given back by dispose, after which only free is harmless', async () => {
    const own = createHostBackend();
    const buffer = own.allocate(8, 'weights');
    own.dispose();
    own[Symbol.dispose]();
    expect(own.ledger.snapshot().liveTotal).toBe(0);
    own.free(buffer);
    expect(() => own.allocate(4, 'weights')).toThrow(DisposedError);
    expect(() => own.write(buffer, 0, new Uint8Array(4))).toThrow(DisposedError);
    expect(() => own.trim()).toThrow(DisposedError);
    await expect(own.sync()).rejects.toThrow(DisposedError);
    await expect(own.reserve(1)).rejects.toThrow(DisposedError);
    const gone = { buffer, byteOffset: 0, dtype: 'f32', shape: [2] } as const;
    expect(() => own.primitives.fill({ out: gone, value: 0 })).toThrow(DisposedError);
  });
});

it('accumulates in matmul and gatherRows, and adds to the result of scatterAddRows', async () => {
  const [a, b, product] = [view([1, 2]), view([3, 4]), view([100])];
  const one = { batch: 1, rows: 1, columns: 1, inner: 2, transposeA: false, transposeB: false, strideA: 0, strideB: 0 };
  primitives.matmul({ a, b, out: product, ...one, scale: 2, accumulate: true });
  expect(await numbers(product)).toEqual([122]);

  const sum = view([1, 1, 1]);
  const rows = { pages: [view([10, 20]), view([30, 40])], rowsPerPage: 2, stride: 2, offset: 1, width: 1 };
  primitives.gatherRows({ ...rows, ids: view([1, -1, 0], 'i32'), accumulate: true, out: sum });
  expect(await numbers(sum)).toEqual([41, 1, 21]);

  const table = view([1, 1, 1]);
  const groups = { rows: view([2, 0], 'i32'), starts: view([0, 2, 3], 'i32'), order: view([0, 2, 1], 'i32') };
  primitives.scatterAddRows({ source: view([5, 6, 7]), ...groups, count: 2, width: 1, out: table });
  expect(await numbers(table)).toEqual([7, 1, 13]);
});

it('copies blocks with strides, within one buffer too', async () => {
  const out = view([0, 0, 0, 0, 0, 0]);
  const runs = { inputOffset: 1, inputStride: 2, outOffset: 0, outStride: 3, outer: 2, length: 2 };
  primitives.copyBlock({ input: view([1, 2, 3, 4, 5]), out, ...runs });
  expect(await numbers(out)).toEqual([2, 3, 0, 4, 5, 0]);
  primitives.copyBlock({ input: out, out, ...runs, inputOffset: 3, outOffset: 0, outer: 1 });
  expect(await numbers(out)).toEqual([4, 5, 0, 4, 5, 0]);
});

describe('refuses', () => {
  const three = view([1, 2, 3]);
  const four = view([1, 2, 3, 4]);
  const half = view([1, 2, 3, 4], 'f16');
  const ids = view([0, 1], 'i32');
  const blocks: TensorView = {
    ...view([0, 0]),
    dtype: 'i8',
    shape: [1, 4],
    blocks: { blockLength: 32, scales: view([1]), minimums: null },
  };
  const blocked = { a: shaped(view([0, 0, 0, 0, 0, 0, 0, 0]), [2, 4]), out: four, transposeB: true };
  const pair = { length: 3, stride: 1 };
  const gather = { pages: [four], rowsPerPage: 2, stride: 1, offset: 0, width: 2, accumulate: false };
  const scatter = { rows: ids, starts: view([0, 1, 2], 'i32'), order: ids, count: 2, width: 1 };
  const block = { inputOffset: 0, inputStride: 2, outOffset: 0, outStride: 2, outer: 2, length: 2 };
  const square = {
    batch: 1,
    rows: 2,
    columns: 2,
    inner: 2,
    transposeA: false,
    transposeB: false,
    strideA: 0,
    strideB: 0,
  };
  const product = { ...square, scale: 1, accumulate: false };
  const overlapping = { ...four, byteOffset: 4, shape: [3] };

  it.each([
    ['a result of another size', () => primitives.add({ a: three, b: three, broadcast: pair, out: four }), ShapeError],
    [
      'an operand of another length',
      () => primitives.add({ a: four, b: three, broadcast: { length: 4, stride: 1 }, out: view([0, 0, 0, 0]) }),
      ShapeError,
    ],
    ['other dtypes', () => primitives.exp({ input: ids, out: view([0, 0]) }), DTypeError],
    ['partial overlap', () => primitives.exp({ input: shaped(four, [3]), out: overlapping }), /overlaps/],
    [
      'overlap in a reduction',
      () => primitives.sum({ input: four, outer: 1, axis: 4, inner: 1, out: shaped(four, [1]) }),
      /overlaps/,
    ],
    ['a filled f16', () => primitives.fill({ out: half, value: 1 }), DTypeError],
    ['an unknown cast', () => primitives.cast({ input: ids, out: { ...view([0, 0]), dtype: 'u32' } }), DTypeError],
    [
      'a reduction of another size',
      () => primitives.sum({ input: four, outer: 1, axis: 3, inner: 1, out: view([0]) }),
      ShapeError,
    ],
    [
      'matrices of another size',
      () => primitives.matmul({ a: four, b: three, out: view([0, 0, 0, 0]), ...product }),
      ShapeError,
    ],
    [
      'an odd stride',
      () => primitives.matmul({ a: four, b: four, out: view([0, 0, 0, 0]), ...product, strideA: 3 }),
      /stride/,
    ],
    [
      'integer weights',
      () => primitives.matmul({ a: four, b: { ...four, dtype: 'i32' }, out: view([0, 0, 0, 0]), ...product }),
      DTypeError,
    ],
    [
      'a row beyond the pages',
      () => primitives.gatherRows({ ...gather, ids: view([2], 'i32'), out: view([0, 0]) }),
      /row 2 of id 2/,
    ],
    [
      'a row named twice',
      () => primitives.scatterAddRows({ source: three, ...scatter, rows: view([1, 1], 'i32'), out: view([0, 0]) }),
      /named twice/,
    ],
    [
      'a row to add to that is not there',
      () => primitives.scatterAddRows({ source: three, ...scatter, out: view([0]) }),
      /no such row/,
    ],
    [
      'a source row that is not there',
      () => primitives.scatterAddRows({ source: view([1]), ...scatter, out: view([0, 0]) }),
      /no such row/,
    ],
    [
      'a permutation of another shape',
      () => primitives.permute({ input: shaped(four, [1, 4]), axes: [1, 0], out: shaped(view([0, 0, 0, 0]), [1, 4]) }),
      ShapeError,
    ],
    [
      'five axes',
      () =>
        primitives.permute({
          input: shaped(four, [1, 1, 1, 1, 4]),
          axes: [0, 1, 2, 3, 4],
          out: shaped(view([0, 0, 0, 0]), [1, 1, 1, 1, 4]),
        }),
      /more than 4 axes/,
    ],
    [
      'i8 weights without scales',
      () => primitives.matmul({ ...product, ...blocked, inner: 4, b: { ...blocks, shape: [2, 4], blocks: undefined } }),
      DTypeError,
    ],
    [
      'i8 weights that are not transposed',
      () => primitives.matmul({ a: four, b: blocks, out: view([0, 0, 0, 0]), ...product }),
      /run along the inner axis/,
    ],
    [
      'i8 weights with too few scales',
      () => primitives.matmul({ ...product, ...blocked, inner: 4, b: { ...blocks, shape: [2, 4] } }),
      /the scales has the wrong number/,
    ],
    [
      'pages of two dtypes',
      () => primitives.gatherRows({ ...gather, pages: [four, blocks], ids, out: view([0, 0, 0, 0]) }),
      DTypeError,
    ],
    ['a block beyond a tensor', () => primitives.copyBlock({ ...block, input: three, out: four }), /beyond a tensor/],
    ['a block of two dtypes', () => primitives.copyBlock({ ...block, input: four, out: ids }), DTypeError],
    [
      'a block that overlaps what it copies',
      () => primitives.copyBlock({ ...block, inputOffset: 1, input: four, out: four, outer: 1 }),
      /overlaps/,
    ],
    ['odd places of f16', () => primitives.copyBlock({ ...block, length: 1, input: half, out: half }), /even places/],
  ])('%s', (_, call, error) => {
    expect(call).toThrow(error);
  });
});
