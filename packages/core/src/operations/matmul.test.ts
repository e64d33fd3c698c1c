import { describe, expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { DTypeError, ShapeError } from '../errors/errors.ts';
import { decodeFloat16, encodeFloat16 } from '../tensor/half.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { EagerOperations } from './eager-operations.ts';

const [rows, inner, columns] = [3, 5, 4];

/** op(a) op(b) of one pair of matrices. */
function product(a: ArrayLike<number>, b: ArrayLike<number>, transposeA: boolean, transposeB: boolean): number[] {
  const out: number[] = [];
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      let total = 0;
      for (let k = 0; k < inner; k += 1) {
        const x = a[transposeA ? k * rows + r : r * inner + k] as number;
        total += x * (b[transposeB ? c * inner + k : k * columns + c] as number);
      }
      out.push(total);
    }
  }
  return out;
}

describe.each([
  [false, false],
  [true, false],
  [false, true],
  [true, true],
])('matmul, a transposed: %s, b transposed: %s', (transposeA, transposeB) => {
  const matrixA = transposeA ? [inner, rows] : [rows, inner];
  const matrixB = transposeB ? [columns, inner] : [inner, columns];

  it.each([
    [[], []],
    [[2], [2]],
    [[2], []],
    [[], [2]],
    [
      [2, 3],
      [2, 3],
    ],
    [[2, 3], []],
  ])('of batches %j and %j', async (batchA, batchB) => {
    const random = seededRandom(5);
    const batch = batchA.length > 0 ? batchA : batchB;
    const count = batch.reduce((n, axis) => n * axis, 1);
    const a = random.normals((batchA.length > 0 ? count : 1) * rows * inner);
    const b = random.normals((batchB.length > 0 ? count : 1) * inner * columns);
    const [got] = await onDevice(({ operations, tensor }) => {
      const result = operations.matmul(tensor(a, [...batchA, ...matrixA]), tensor(b, [...batchB, ...matrixB]), {
        transposeA,
        transposeB,
        scale: 0.5,
      });
      expect(result.shape).toEqual([...batch, rows, columns]);
      return result;
    });
    const expected = Array.from({ length: count }, (_, n) => {
      const partA = batchA.length > 0 ? a.subarray(n * rows * inner) : a;
      const partB = batchB.length > 0 ? b.subarray(n * inner * columns) : b;
      return product(partA, partB, transposeA, transposeB).map((x) => x / 2);
    });
    expectClose(got as Float32Array, expected.flat());
  });
});

it('linear multiplies by the transposed weight over any leading axes', async () => {
  const random = seededRandom(6);
  const x = random.normals(rows * inner);
  const weight = random.normals(columns * inner);
  const halves = encodeFloat16(weight);
  const [flat, deep, stored] = await onDevice(({ operations, tensor, half }) => {
    const result = operations.linear(tensor(x, [1, rows, inner]), tensor(weight, [columns, inner]));
    expect(result.shape).toEqual([1, rows, columns]);
    const input = tensor(x, [rows, inner]);
    return [
      operations.linear(input, tensor(weight, [columns, inner])),
      result,
      operations.linear(input, half(weight, [columns, inner])),
    ];
  });
  expectClose(flat as Float32Array, product(x, weight, false, true));
  expect(deep).toEqual(flat);
  expectClose(stored as Float32Array, product(x, decodeFloat16(halves), false, true));
});

it('linearInto writes the product in place, into a part of a tensor too', async () => {
  const random = seededRandom(7);
  const [x, weight] = [random.normals(rows * inner), random.normals(columns * inner)];
  const [got, zeros] = await onDevice(({ operations, tensor }) => {
    const out = operations.full([2 * rows, columns], 9);
    operations.linearInto(
      operations.slice(out, rows, rows),
      tensor(x, [rows, inner]),
      tensor(weight, [columns, inner]),
    );
    const overNothing = operations.full([1, 2], 9);
    operations.linearInto(overNothing, tensor([], [1, 0]), tensor([], [2, 0]));
    return [out, overNothing];
  });
  expect((got as Float32Array).subarray(0, rows * columns)).toEqual(new Float32Array(rows * columns).fill(9));
  expectClose((got as Float32Array).subarray(rows * columns), product(x, weight, false, true));
  expect(zeros).toEqual(new Float32Array(2));
});

it('multiplies over nothing to 0, and nothing to nothing', async () => {
  const [zeros, nothing] = await onDevice(({ operations, tensor }) => [
    operations.matmul(tensor([], [2, 0]), tensor([], [0, 3])),
    operations.linear(tensor([], [0, 4]), tensor(new Float32Array(8), [2, 4])),
  ]);
  expect(zeros).toEqual(new Float32Array(6));
  expect(nothing).toEqual(new Float32Array(0));
});

it('refuses what does not fit, and says what it got', () => {
  const operations = new EagerOperations(createHostBackend());
  const zeros = (...shape: number[]) => operations.zeros(shape);
  expect(() => operations.matmul(zeros(2, 3), zeros(4, 5))).toThrow(ShapeError);
  expect(() => operations.matmul(zeros(2, 3), zeros(4, 5))).toThrow(/Got: \[2, 3\] and \[4, 5\]/);
  expect(() => operations.matmul(zeros(3), zeros(3, 5))).toThrow(/matmul needs matrices/);
  expect(() => operations.matmul(zeros(2, 3, 2, 3), zeros(3, 2, 3, 2))).toThrow(ShapeError);
  expect(() => operations.linear(zeros(2, 3), zeros(4, 5))).toThrow(/Expected: a weight of shape \[\*, 3\]/);
  expect(() => operations.linear(zeros(2, 3), zeros(3))).toThrow(ShapeError);
  expect(() => operations.linear(zeros(2, 3), operations.index([1, 2, 3]).tensor)).toThrow(DTypeError);
  expect(() => operations.linear(operations.cast(zeros(2, 3), 'f16'), zeros(4, 3))).toThrow(
    /linear: the input must be f32/,
  );
  expect(() => operations.linearInto(zeros(2, 5), zeros(2, 3), zeros(4, 3))).toThrow(ShapeError);
  expect(() => operations.linearInto(operations.cast(zeros(2, 4), 'f16'), zeros(2, 3), zeros(4, 3))).toThrow(
    DTypeError,
  );
});
