/**
 * Weights in blocks: i8 with a scale per block (BlockScaling), in matmul and gatherRows, where the backend declares i8.
 * The reference is given the numbers that the blocks stand for, so the tolerances are those of f32.
 */

import { type BlockScaledArray, dequantizeBlocks, quantizeBlocks } from '@inattention/core';
import { type RandomNumbers, randomNumbers } from '../../inputs/random-numbers.ts';
import { matmul } from '../../reference/matmul.ts';
import { ndArray, reshaped } from '../../reference/nd-array.ts';
import { gatherRows } from '../../reference/rows.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset } from '../device-arrays.ts';
import { tileEdges } from '../lengths.ts';

interface Product {
  readonly batch?: number;
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly transposeA?: boolean;
  /** One matrix for the whole batch. */
  readonly repeatA?: boolean;
  readonly repeatB?: boolean;
  readonly scale?: number;
  readonly accumulate?: boolean;
  readonly blockLength?: number;
}

const both = [false, true];

/** Rows are whole words; these end within, at and after blocks of 16, 32 and 64, and after 4,096. */
const widths = [4, 8, 12, 16, 20, 28, 32, 36, 48, 60, 64, 68, 96, 100, 128, 252, 256, 260];

const edges: readonly Product[] = [
  ...tileEdges.flatMap((edge) => [
    { rows: edge, columns: 5, inner: 36 },
    { rows: 5, columns: edge, inner: 36 },
  ]),
  ...[1, 5].flatMap((rows) =>
    widths.flatMap((inner) => [16, 32, 64].map((blockLength) => ({ rows, columns: 9, inner, blockLength }))),
  ),
];

const large: readonly Product[] = [
  { rows: 1, columns: 513, inner: 300 }, // one query against a weight
  { rows: 130, columns: 67, inner: 580 },
  { rows: 64, columns: 64, inner: 64 },
  { rows: 3, columns: 2, inner: 4096 },
];

const batches: readonly Product[] = [1, 2, 7].flatMap((batch) =>
  both.flatMap((repeatA) => both.map((repeatB) => ({ batch, repeatA, repeatB, rows: 6, columns: 9, inner: 40 }))),
);

const scaled: readonly Product[] = [0.25, -3].flatMap((scale) =>
  both.flatMap((accumulate) => [1, 9].map((rows) => ({ scale, accumulate, batch: 2, rows, columns: 17, inner: 52 }))),
);

export function blockScaledTests(group: Group): void {
  if (!group.capabilities.weightDTypes.includes('i8')) return;
  group.describe('weights in blocks of i8', () => {
    for (const [name, products] of Object.entries({
      edges,
      'large sizes': large,
      batches,
      'scale, accumulate': scaled,
    })) {
      for (const transposeA of both) {
        group.test(`matmul: ${name}, ${transposeA ? 'aᵀ' : 'a'} · bᵀ`, (trial) =>
          checkProducts(
            trial,
            products.map((product) => ({ ...product, transposeA })),
          ),
        );
      }
    }
    for (const accumulate of both) {
      group.test(`gatherRows${accumulate ? ': accumulate' : ''}`, (trial) => checkGathers(trial, accumulate));
    }
  });
}

/** Random numbers in blocks of very different scales: a kernel that takes the neighbour's scale is far off. */
function randomBlocks(random: RandomNumbers, shape: readonly number[], blockLength = 32): BlockScaledArray {
  const size = shape.reduce((product, axis) => product * axis, 1);
  const normals = random.normals(size);
  const data = Float32Array.from(normals, (x, i) => x * 2 ** ((Math.floor(i / 16) % 7) - 3));
  return quantizeBlocks(data, shape, { blockLength });
}

async function checkProducts({ backend, expectClose }: Trial, products: readonly Product[]): Promise<void> {
  const random = randomNumbers(23);
  await atEachOffset(backend, async (arrays) => {
    for (const product of products) {
      const { batch = 1, rows, columns, inner, transposeA = false, scale = 1, blockLength = 32 } = product;
      const { repeatA = false, repeatB = false, accumulate = false } = product;
      const shapeA = [repeatA ? 1 : batch, ...(transposeA ? [inner, rows] : [rows, inner])];
      const a = ndArray(shapeA, random.normals(shapeA.reduce((size, n) => size * n)));
      const shapeB = [repeatB ? 1 : batch, columns, inner];
      const blocks = randomBlocks(random, shapeB, blockLength);
      const b = ndArray(shapeB, Float64Array.from(dequantizeBlocks(blocks)));
      const before = random.normals(batch * rows * columns);
      const factor = (array: typeof a, repeat: boolean) => (repeat ? reshaped(array, array.shape.slice(1)) : array);
      const options = { transposeA, transposeB: true, scale };
      const result = matmul(factor(a, repeatA), factor(b, repeatB), options).data;
      const out = accumulate ? arrays.floats([batch, rows, columns], before) : arrays.floats([batch, rows, columns]);
      backend.primitives.matmul({
        a: arrays.floats(shapeA, a.data),
        b: arrays.blocks(blocks),
        out,
        batch,
        rows,
        columns,
        inner,
        ...options,
        strideA: repeatA ? 0 : rows * inner,
        strideB: repeatB ? 0 : inner * columns,
        accumulate,
      });
      const expected = before.map((x, i) => (result[i % result.length] as number) + (accumulate ? x : 0));
      expectClose(await arrays.read(out), expected, {
        operation: 'matmul',
        dtype: 'i8',
        what: JSON.stringify(product),
      });
      arrays.dispose();
    }
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
  readonly blockLength?: number;
}

const gathers: readonly Gather[] = [
  ...widths.flatMap((width) =>
    [16, 32, 64].map((blockLength) => ({ width, rows: 7, rowsPerPage: 7, ids: [6, 0, -1, 3, 3], blockLength })),
  ),
  { width: 40, rows: 10, rowsPerPage: 4, ids: [0, 3, 4, 7, 8, 9, -1, 5] }, // the last page is shorter
  { width: 36, rows: 21, rowsPerPage: 6, stride: 3, offset: 2, ids: [0, 6, -1, 1, 4] },
  { width: 4, rows: 600, rowsPerPage: 256, stride: 2, offset: 1, ids: [0, 127, 128, 255, 256, 299, -1] },
];

async function checkGathers({ backend, expectClose }: Trial, accumulate: boolean): Promise<void> {
  const random = randomNumbers(33);
  await atEachOffset(backend, async (arrays) => {
    for (const gather of gathers) {
      const { width, rows, rowsPerPage, ids, stride = 1, offset = 0, blockLength } = gather;
      const pages: BlockScaledArray[] = [];
      for (let start = 0; start < rows; start += rowsPerPage) {
        pages.push(randomBlocks(random, [Math.min(rowsPerPage, rows - start), width], blockLength));
      }
      const before = random.normals(ids.length * width);
      const out = accumulate ? arrays.floats([ids.length, width], before) : arrays.floats([ids.length, width]);
      backend.primitives.gatherRows({
        pages: pages.map((page) => arrays.blocks(page)),
        rowsPerPage,
        ids: arrays.integers([ids.length], ids),
        stride,
        offset,
        width,
        accumulate,
        out,
      });
      const table = ndArray([rows, width], Float64Array.from(pages.flatMap((page) => [...dequantizeBlocks(page)])));
      const chosen = ids.map((id) => (id < 0 ? -1 : id * stride + offset));
      const expected = gatherRows(table, chosen).data.map((x, i) => x + (accumulate ? (before[i] as number) : 0));
      const operation = accumulate ? 'add' : 'gatherRows';
      const dtype = accumulate ? 'f32' : 'i8';
      expectClose(await arrays.read(out), expected, { operation, dtype, what: JSON.stringify(gather) });
      arrays.dispose();
    }
  });
}
