import { describe, expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { DTypeError, InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { sizeOf } from '../tensor/shape.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { EagerOperations } from './eager-operations.ts';

const kinds = {
  add: (a: number, b: number) => a + b,
  subtract: (a: number, b: number) => a - b,
  multiply: (a: number, b: number) => a * b,
  divide: (a: number, b: number) => a / b,
};

/** Shapes of a and b, and which element of b meets element i of a. */
const repetitions: [a: number[], b: number[], element: (i: number) => number][] = [
  [[2, 3, 4], [2, 3, 4], (i) => i],
  [[2, 3, 4], [4], (i) => i % 4],
  [[2, 3, 4], [3, 4], (i) => i % 12],
  [[2, 3, 4], [2, 3, 1], (i) => Math.floor(i / 4)],
  [[2, 3, 4], [2, 1, 1], (i) => Math.floor(i / 12)],
  [[2, 1, 4], [2, 1, 1], (i) => Math.floor(i / 4)],
  [[2, 2], [2, 1], (i) => Math.floor(i / 2)],
  [[2, 2], [2], (i) => i % 2],
  [[5], [], () => 0],
  [[2, 3], [1], () => 0],
  [[2, 3], [1, 1, 1], () => 0],
  [[0, 3], [3], (i) => i],
];

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])('%s', (kind) => {
  it.each(repetitions)('of %j with %j', async (shapeA, shapeB, element) => {
    const random = seededRandom(1);
    const a = random.normals(sizeOf(shapeA));
    const b = random.normals(sizeOf(shapeB)).map((x) => x + 3 * Math.sign(x));
    const [got] = await onDevice(({ operations, tensor }) => operations[kind](tensor(a, shapeA), tensor(b, shapeB)));
    expectClose(
      got as Float32Array,
      Array.from(a, (x, i) => kinds[kind](x, b[element(i)] as number)),
    );
  });

  it.each([
    [[2, 3], [2]],
    [
      [2, 3],
      [3, 2],
    ],
    [[3], [2, 3]],
    [
      [2, 3],
      [1, 3],
    ],
    [
      [2, 3],
      [2, 2],
    ],
  ])('refuses %j with %j', (shapeA, shapeB) => {
    const operations = new EagerOperations(createHostBackend());
    operations.scope(() => {
      const [a, b] = [operations.zeros(shapeA), operations.zeros(shapeB)];
      expect(() => operations[kind](a, b)).toThrow(ShapeError);
    });
  });
});

it('adds in place', async () => {
  const [got] = await onDevice(({ operations, tensor }) => {
    const target = tensor([1, 2, 3], [3]);
    operations.addInto(target, tensor([10, 20, 30], [3]));
    operations.addInto(target, target);
    return target;
  });
  expect(got).toEqual(Float32Array.of(22, 44, 66));
});

const functions = {
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
};

it.each(Object.keys(functions) as (keyof typeof functions)[])('%s', async (kind) => {
  const x = seededRandom(2)
    .normals(33, 20)
    .map((value) => (kind === 'log' || kind === 'sqrt' ? Math.abs(value) : value));
  const [got] = await onDevice(({ operations, tensor }) => operations[kind](tensor(x, [3, 11])));
  expectClose(got as Float32Array, Array.from(x, functions[kind]));
});

it('scales, and scales with an offset', async () => {
  const [scaled, moved] = await onDevice(({ operations, tensor }) => {
    const x = tensor([1, -2, 3], [3]);
    return [operations.scale(x, -3), operations.affine(x, 2, 0.5)];
  });
  expect([scaled, moved]).toEqual([Float32Array.of(-3, 6, -9), Float32Array.of(2.5, -3.5, 6.5)]);
});

it('refuses other dtypes and tensors of other backends, naming the operand', () => {
  const [here, there] = [new EagerOperations(createHostBackend()), new EagerOperations(createHostBackend())];
  const x = here.zeros([2]);
  const integers = here.index([1, 2]).tensor;
  expect(() => here.add(x, integers)).toThrow(DTypeError);
  expect(() => here.add(x, integers)).toThrow(/add: the second operand must be f32.*Got: i32/);
  expect(() => there.exp(x)).toThrow(InvalidArgumentError);
  expect(() => here.multiply(there.zeros([2]), x)).toThrow(
    /multiply: the first operand is a tensor of another backend/,
  );
});
