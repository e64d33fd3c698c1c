/** matmul: sizes at tile edges one dimension at a time, both transposes, batches and strides, scale, accumulate, f16. */

import type { MatmulArguments } from '@inattention/core';
import { type RandomNumbers, randomNumbers } from '../../inputs/random-numbers.ts';
import { matmul } from '../../reference/matmul.ts';
import { ndArray, reshaped } from '../../reference/nd-array.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset, type DeviceArrays } from '../device-arrays.ts';
import { roundedToHalf } from '../half-numbers.ts';
import { tileEdges } from '../lengths.ts';

interface Product {
  readonly batch?: number;
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** One matrix for the whole batch. */
  readonly repeatA?: boolean;
  readonly repeatB?: boolean;
  readonly scale?: number;
  readonly accumulate?: boolean;
  readonly dtype?: 'f32' | 'f16';
}

const both = [false, true];

const transposes = both.flatMap((transposeA) => both.map((transposeB) => ({ transposeA, transposeB })));

/** One dimension swept, the others at sizes that fit no tile. */
const edges: readonly Product[] = tileEdges.flatMap((edge) => [
  { rows: edge, columns: 5, inner: 7 },
  { rows: 5, columns: edge, inner: 7 },
  { rows: 5, columns: 7, inner: edge },
]);

const large: readonly Product[] = [
  { rows: 1, columns: 513, inner: 300 }, // one query against a weight
  { rows: 130, columns: 67, inner: 65 },
  { rows: 64, columns: 64, inner: 64 },
  { rows: 3, columns: 2, inner: 4096 },
];

const batches: readonly Product[] = [1, 2, 7].flatMap((batch) =>
  both.flatMap((repeatA) => both.map((repeatB) => ({ batch, repeatA, repeatB, rows: 6, columns: 9, inner: 5 }))),
);

export function matmulTests(group: Group): void {
  group.describe('matmul', () => {
    for (const dtype of group.capabilities.weightDTypes.filter((name) => name === 'f32' || name === 'f16')) {
      for (const [name, products] of Object.entries({ 'tile edges': edges, 'large sizes': large, batches })) {
        for (const { transposeA, transposeB } of transposes) {
          const what = `${name}, ${transposeA ? 'aᵀ' : 'a'} · ${transposeB ? 'bᵀ' : 'b'}, ${dtype} weights`;
          group.test(what, (trial) =>
            checkProducts(
              trial,
              products.map((product) => ({ ...product, transposeA, transposeB, dtype })),
            ),
          );
        }
      }
    }
    group.test('scale and accumulate', (trial) => checkProducts(trial, scaled));
    group.test('scale of 0 and accumulate keeps the result', (trial) => checkProducts(trial, [kept]));
  });
}

const scaled: readonly Product[] = transposes.flatMap((transposed) =>
  [0.25, -3].flatMap((scale) =>
    both.flatMap((accumulate) =>
      [1, 3].map((batch) => ({ ...transposed, scale, accumulate, batch, rows: 9, columns: 17, inner: 13 })),
    ),
  ),
);

const kept: Product = { rows: 9, columns: 10, inner: 11, scale: 0, accumulate: true };

async function checkProducts({ backend, expectClose }: Trial, products: readonly Product[]): Promise<void> {
  const random = randomNumbers(21);
  await atEachOffset(backend, async (arrays) => {
    for (const product of products) {
      const { args, expected } = prepare(arrays, random, product);
      backend.primitives.matmul(args);
      const what = JSON.stringify(product);
      expectClose(await arrays.read(args.out), expected, { operation: 'matmul', dtype: product.dtype ?? 'f32', what });
      arrays.dispose();
    }
  });
}

/** Arguments of a product of random matrices, and what the reference makes of them. */
function prepare(
  arrays: DeviceArrays,
  random: RandomNumbers,
  product: Product,
): { args: MatmulArguments; expected: Float64Array } {
  const { batch = 1, rows, columns, inner, scale = 1, dtype = 'f32' } = product;
  const { transposeA = false, transposeB = false, repeatA = false, repeatB = false, accumulate = false } = product;
  const shapeA = [repeatA ? 1 : batch, ...(transposeA ? [inner, rows] : [rows, inner])];
  const shapeB = [repeatB ? 1 : batch, ...(transposeB ? [columns, inner] : [inner, columns])];
  const a = ndArray(shapeA, random.normals(shapeA.reduce((size, n) => size * n)));
  const numbersB = random.normals(shapeB.reduce((size, n) => size * n));
  const b = ndArray(shapeB, dtype === 'f16' ? roundedToHalf(numbersB) : numbersB);
  const before = random.normals(batch * rows * columns);
  const factor = (array: typeof a, repeat: boolean) => (repeat ? reshaped(array, array.shape.slice(1)) : array);
  const result = matmul(factor(a, repeatA), factor(b, repeatB), { transposeA, transposeB, scale }).data;
  // A factor of rank 2 on both sides gives one matrix, which every entry of the batch equals.
  const expected = before.map((x, i) => (result[i % result.length] as number) + (accumulate ? x : 0));
  return {
    expected,
    args: {
      a: arrays.floats(shapeA, a.data),
      b: arrays.numbers(dtype, shapeB, b.data),
      out: accumulate ? arrays.floats([batch, rows, columns], before) : arrays.floats([batch, rows, columns]),
      batch,
      rows,
      columns,
      inner,
      transposeA,
      transposeB,
      strideA: repeatA ? 0 : rows * inner,
      strideB: repeatB ? 0 : inner * columns,
      scale,
      accumulate,
    },
  };
}
