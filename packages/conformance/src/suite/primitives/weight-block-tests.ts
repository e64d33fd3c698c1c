/**
 * Weights in a GGUF file's blocks (q8_0, q4_1), in matmul and gatherRows, where the backend declares them. The reference is
 * given the numbers that the blocks stand for and, where the backend multiplies in integers, activations rounded as the
 * contract says; then the tolerance is that of f32. How far that is from products of activations as they are is bounded too.
 */

import { type BlockDType, decodeWeightBlocks, encodeWeightBlocks, roundActivations } from '@inattention/core';
import { type RandomNumbers, randomNumbers } from '../../inputs/random-numbers.ts';
import { matmul } from '../../reference/matmul.ts';
import { ndArray, reshaped } from '../../reference/nd-array.ts';
import { gatherRows } from '../../reference/rows.ts';
import { expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset } from '../device-arrays.ts';
import { tileEdges } from '../lengths.ts';

interface Product {
  readonly batch?: number;
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /** One matrix for the whole batch. */
  readonly repeatA?: boolean;
  readonly repeatB?: boolean;
  readonly scale?: number;
  readonly accumulate?: boolean;
}

const both = [false, true];

const products: Readonly<Record<string, readonly Product[]>> = {
  edges: tileEdges.flatMap((edge) => [
    { rows: edge, columns: 5, inner: 64 },
    { rows: 5, columns: edge, inner: 128 },
    { rows: 1, columns: edge, inner: 192 },
  ]),
  'large sizes': [
    { rows: 1, columns: 513, inner: 576 }, // one query against a weight
    { rows: 130, columns: 67, inner: 576 },
    { rows: 3, columns: 2, inner: 4096 },
    { rows: 514, columns: 6, inner: 64 },
  ],
  batches: [1, 2, 7].flatMap((batch) =>
    both.flatMap((repeatA) => both.map((repeatB) => ({ batch, repeatA, repeatB, rows: 6, columns: 9, inner: 64 }))),
  ),
  'scale, accumulate': [0.25, -3].flatMap((scale) =>
    both.flatMap((accumulate) => [1, 9].map((rows) => ({ scale, accumulate, batch: 2, rows, columns: 17, inner: 64 }))),
  ),
};

export function weightBlockTests(group: Group): void {
  for (const dtype of ['q8_0', 'q4_1'] as const) {
    if (!group.capabilities.weightDTypes.includes(dtype)) continue;
    group.describe(`weights in blocks of ${dtype}`, () => {
      for (const [name, list] of Object.entries(products)) {
        group.test(`matmul: ${name}`, (trial) => checkProducts(trial, dtype, list));
      }
      for (const accumulate of both) {
        group.test(`gatherRows${accumulate ? ': accumulate' : ''}`, (trial) => checkGathers(trial, dtype, accumulate));
      }
    });
  }
}

/** Random blocks of very different scales, and the numbers they hold. */
function randomBlocks(random: RandomNumbers, dtype: BlockDType, shape: readonly number[]) {
  const size = shape.reduce((product, axis) => product * axis, 1);
  const numbers = Float32Array.from(random.normals(size), (x, i) => x * 2 ** ((Math.floor(i / 32) % 7) - 3));
  const bytes = encodeWeightBlocks(dtype, numbers, 'random numbers');
  decodeWeightBlocks(dtype, bytes, numbers);
  return { bytes, numbers };
}

async function checkProducts(
  { backend, expectClose }: Trial,
  dtype: BlockDType,
  list: readonly Product[],
): Promise<void> {
  const random = randomNumbers(29);
  const rounds = backend.capabilities.integerProducts?.includes(dtype) === true;
  await atEachOffset(backend, async (arrays) => {
    for (const product of list) {
      const { batch = 1, rows, columns, inner, scale = 1 } = product;
      const { repeatA = false, repeatB = false, accumulate = false } = product;
      const shapeA = [repeatA ? 1 : batch, rows, inner];
      const activations = Float32Array.from(random.normals(shapeA.reduce((size, n) => size * n)));
      const shapeB = [repeatB ? 1 : batch, columns, inner];
      const { bytes, numbers } = randomBlocks(random, dtype, shapeB);
      const before = random.normals(batch * rows * columns);
      const out = accumulate ? arrays.floats([batch, rows, columns], before) : arrays.floats([batch, rows, columns]);
      backend.primitives.matmul({
        a: arrays.floats(shapeA, activations),
        b: arrays.encoded(dtype, shapeB, bytes),
        out,
        batch,
        rows,
        columns,
        inner,
        transposeA: false,
        transposeB: true,
        scale,
        strideA: repeatA ? 0 : rows * inner,
        strideB: repeatB ? 0 : inner * columns,
        accumulate,
      });
      const factor = (shape: readonly number[], data: Float64Array, repeat: boolean) =>
        repeat ? reshaped(ndArray(shape, data), shape.slice(1)) : ndArray(shape, data);
      const b = factor(shapeB, Float64Array.from(numbers), repeatB);
      const reference = (data: Float64Array) => {
        const { data: result } = matmul(factor(shapeA, data, repeatA), b, { transposeB: true, scale });
        return before.map((x, i) => (result[i % result.length] as number) + (accumulate ? x : 0));
      };
      const exact = Float64Array.from(activations);
      const got = await arrays.read(out);
      const what = JSON.stringify(product);
      expectClose(got, reference(rounds ? roundActivations(activations) : exact), { operation: 'matmul', dtype, what });
      if (rounds && !repeatA && !repeatB) {
        const bounds = roundingBounds(product, activations, numbers);
        reference(exact).forEach((expected, i) => {
          const error = Math.abs((got[i] as number) - expected);
          expectThat(error <= (bounds[i] as number), `Rounding costs ${error} at ${i}, more than the bound; ${what}.`);
        });
      }
      arrays.dispose();
    }
  });
}

/** Σ over blocks of max|a| / 65534 · Σ|b|, times |scale|, and something for f32: what rounding activations may cost. */
function roundingBounds(
  { batch = 1, rows, columns, inner, scale = 1 }: Product,
  a: Float32Array,
  b: Float32Array,
): Float64Array {
  const perBlock = (data: Float32Array, measure: (block: Float32Array) => number) =>
    Float64Array.from({ length: data.length / 32 }, (_, block) => measure(data.subarray(block * 32, block * 32 + 32)));
  const largest = perBlock(a, (block) => block.reduce((most, x) => Math.max(most, Math.abs(x)), 0));
  const sums = perBlock(b, (block) => block.reduce((sum, x) => sum + Math.abs(x), 0));
  const blocks = inner / 32;
  return Float64Array.from({ length: batch * rows * columns }, (_, i) => {
    const row = Math.floor(i / columns);
    const column = Math.floor(row / rows) * columns + (i % columns);
    let bound = 0;
    for (let k = 0; k < blocks; k += 1)
      bound += (largest[row * blocks + k] as number) * (sums[column * blocks + k] as number);
    return Math.abs(scale) * bound * (1 / 65_534 + 1e-5) + 1e-5;
  });
}

interface Gather {
  readonly width: number;
  /** Rows in all pages together. */
  readonly rows: number;
  readonly ids: readonly number[];
  readonly rowsPerPage: number;
  readonly stride?: number;
  readonly offset?: number;
}

const gathers: readonly Gather[] = [
  ...[64, 128, 192, 576].map((width) => ({ width, rows: 7, rowsPerPage: 7, ids: [6, 0, -1, 3, 3] })),
  { width: 64, rows: 10, rowsPerPage: 4, ids: [0, 3, 4, 7, 8, 9, -1, 5] }, // the last page is shorter
  { width: 64, rows: 21, rowsPerPage: 6, stride: 3, offset: 2, ids: [0, 6, -1, 1, 4] },
  { width: 64, rows: 600, rowsPerPage: 256, stride: 2, offset: 1, ids: [0, 127, 128, 255, 256, 299, -1] },
];

async function checkGathers({ backend, expectClose }: Trial, dtype: BlockDType, accumulate: boolean): Promise<void> {
  const random = randomNumbers(37);
  await atEachOffset(backend, async (arrays) => {
    for (const gather of gathers) {
      const { width, rows, rowsPerPage, ids, stride = 1, offset = 0 } = gather;
      const pages = [];
      const numbers: number[] = [];
      for (let start = 0; start < rows; start += rowsPerPage) {
        const shape = [Math.min(rowsPerPage, rows - start), width];
        const blocks = randomBlocks(random, dtype, shape);
        numbers.push(...blocks.numbers);
        pages.push(arrays.encoded(dtype, shape, blocks.bytes));
      }
      const before = random.normals(ids.length * width);
      const out = accumulate ? arrays.floats([ids.length, width], before) : arrays.floats([ids.length, width]);
      const integers = arrays.integers([ids.length], ids);
      backend.primitives.gatherRows({ pages, rowsPerPage, ids: integers, stride, offset, width, accumulate, out });
      const chosen = ids.map((id) => (id < 0 ? -1 : id * stride + offset));
      const gathered = gatherRows(ndArray([rows, width], Float64Array.from(numbers)), chosen).data;
      const expected = gathered.map((x, i) => x + (accumulate ? (before[i] as number) : 0));
      const stored = accumulate ? ({ operation: 'add' } as const) : ({ operation: 'gatherRows', dtype } as const);
      expectClose(await arrays.read(out), expected, { ...stored, what: JSON.stringify(gather) });
      arrays.dispose();
    }
  });
}
