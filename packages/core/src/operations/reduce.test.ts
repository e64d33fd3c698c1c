import { describe, expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { InvalidArgumentError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { EagerOperations } from './eager-operations.ts';

const shape = [3, 4, 5];
const x = seededRandom(3).normals(60);
const at = (i: number, j: number, k: number) => x[(i * 4 + j) * 5 + k] as number;
const range = (n: number) => [...Array(n).keys()];

/** The numbers that meet in each element of the result. */
const groups = [
  range(4).flatMap((j) => range(5).map((k) => range(3).map((i) => at(i, j, k)))),
  range(3).flatMap((i) => range(5).map((k) => range(4).map((j) => at(i, j, k)))),
  range(3).flatMap((i) => range(4).map((j) => range(5).map((k) => at(i, j, k)))),
];
const shapes = [
  [4, 5],
  [3, 5],
  [3, 4],
];

describe.each([0, 1, 2])('over axis %i', (axis) => {
  it.each([
    ['sum', (numbers: number[]) => numbers.reduce((a, b) => a + b)],
    ['max', (numbers: number[]) => Math.max(...numbers)],
  ] as const)('%s', async (kind, reduceAll) => {
    const [got] = await onDevice(({ operations, tensor }) => {
      const result = operations[kind](tensor(x, shape), axis);
      expect(result.shape).toEqual(shapes[axis]);
      return result;
    });
    expectClose(got as Float32Array, (groups[axis] as number[][]).map(reduceAll));
  });
});

it('reduces one axis to a scalar, and takes the mean of all elements', async () => {
  const [total, mean] = await onDevice(({ operations, tensor }) => {
    const scalar = operations.sum(tensor(x, [60]), 0);
    expect(scalar.shape).toEqual([]);
    return [scalar, operations.mean(tensor(x, shape))];
  });
  const sum = x.reduce((a, b) => a + b);
  expectClose([total?.[0] as number, mean?.[0] as number], [sum, sum / 60]);
});

it('sums nothing to 0, and has no maximum or mean of nothing', async () => {
  const [got] = await onDevice(({ operations, tensor }) => {
    const empty = tensor([], [2, 0, 3]);
    expect(() => operations.max(empty, 1)).toThrow(InvalidArgumentError);
    expect(() => operations.mean(empty)).toThrow(/mean needs at least one element.*\[2, 0, 3\]/);
    expect(operations.max(empty, 0).shape).toEqual([0, 3]);
    return operations.sum(empty, 1);
  });
  expect(got).toEqual(new Float32Array(6));
});

it.each([-1, 3, 0.5])('refuses axis %d of a tensor of three', (axis) => {
  const operations = new EagerOperations(createHostBackend());
  expect(() => operations.sum(operations.zeros(shape), axis)).toThrow(InvalidArgumentError);
});
