/** add, subtract, multiply, divide in every way the second operand repeats; affine, exp, log, sqrt, sigmoid; fill. */

import { type Broadcast, sizeOf, type TensorView } from '@inattention/core';
import { type RandomNumbers, randomNumbers } from '../../inputs/random-numbers.ts';
import { affine, exp, log, sigmoid, sqrt } from '../../reference/elementwise.ts';
import { ndArray } from '../../reference/nd-array.ts';
import { expectSame, expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset, DeviceArrays } from '../device-arrays.ts';
import { sweptLengths } from '../lengths.ts';

const binaryKinds = {
  add: (x: number, y: number) => x + y,
  subtract: (x: number, y: number) => x - y,
  multiply: (x: number, y: number) => x * y,
  divide: (x: number, y: number) => x / y,
};

type BinaryKind = keyof typeof binaryKinds;

/** Longer than one dispatch of 65,535 workgroups of 64. */
const manyElements = 2 ** 22 + 65;

export function elementwiseTests(group: Group): void {
  group.describe('elementwise', () => {
    for (const kind of Object.keys(binaryKinds) as BinaryKind[]) {
      group.test(`${kind}: equal shapes of every length`, (trial) => equalShapes(trial, kind));
      group.test(`${kind}: rows, numbers per row, scalars, middle axes`, (trial) => broadcasts(trial, kind));
      group.test(`${kind}: the result may be either operand`, (trial) => aliasing(trial, kind));
    }
    group.test(`add: ${manyElements} elements`, (trial) => addMany(trial));
    group.test('affine', (trial) => unaryLengths(trial, 'affine'));
    for (const kind of ['exp', 'log', 'sqrt', 'sigmoid'] as const) {
      group.test(`${kind}: every length, in place too`, (trial) => unaryLengths(trial, kind));
    }
    group.test('sigmoid: no overflow at ±100', (trial) => steepSigmoid(trial));
    group.test('fill: f32, i32, u32 of every length', (trial) => fills(trial));
  });
}

async function equalShapes({ backend, expectClose }: Trial, kind: BinaryKind): Promise<void> {
  const random = randomNumbers(1);
  await atEachOffset(backend, async (arrays) => {
    for (const length of sweptLengths) {
      const left = random.normals(length);
      const right = awayFromZero(random, length);
      const [a, b, out] = [arrays.floats([length], left), arrays.floats([length], right), arrays.floats([length])];
      backend.primitives[kind]({ a, b, broadcast: { length, stride: 1 }, out });
      const expected = left.map((x, i) => binaryKinds[kind](x, right[i]));
      expectClose(await arrays.read(out), expected, { operation: kind, what: `${length} elements` });
    }
  });
}

/** Shapes [m, n, k] and how the second operand repeats over them. */
const repetitions: readonly {
  readonly what: string;
  readonly shape: readonly number[];
  readonly broadcast: Broadcast;
}[] = [
  ...[1, 3, 64, 257].flatMap((rows) =>
    [1, 5, 64, 255].flatMap((width) => [
      { what: `a row of ${width} over ${rows}`, shape: [rows, width], broadcast: { length: width, stride: 1 } },
      { what: `one per row, ${rows} × ${width}`, shape: [rows, width], broadcast: { length: rows, stride: width } },
      { what: `a scalar over ${rows} × ${width}`, shape: [rows, width], broadcast: { length: 1, stride: 1 } },
    ]),
  ),
  { what: 'the middle axis of [5, 7, 3]', shape: [5, 7, 3], broadcast: { length: 7, stride: 3 } },
  { what: 'the middle axis of [3, 65, 64]', shape: [3, 65, 64], broadcast: { length: 65, stride: 64 } },
  { what: 'the last two axes of [9, 5, 7]', shape: [9, 5, 7], broadcast: { length: 35, stride: 1 } },
];

async function broadcasts({ backend, expectClose }: Trial, kind: BinaryKind): Promise<void> {
  const random = randomNumbers(2);
  await atEachOffset(backend, async (arrays) => {
    for (const { what, shape, broadcast } of repetitions) {
      const left = random.normals(sizeOf(shape));
      const right = awayFromZero(random, broadcast.length);
      const out = arrays.floats(shape);
      const a = arrays.floats(shape, left);
      backend.primitives[kind]({ a, b: arrays.floats([broadcast.length], right), broadcast, out });
      const expected = left.map((x, i) =>
        binaryKinds[kind](x, right[Math.floor(i / broadcast.stride) % broadcast.length]),
      );
      expectClose(await arrays.read(out), expected, { operation: kind, what });
    }
  });
}

async function aliasing({ backend, expectClose }: Trial, kind: BinaryKind): Promise<void> {
  const random = randomNumbers(3);
  await atEachOffset(backend, async (arrays) => {
    for (const length of [1, 63, 64, 65, 1000]) {
      const left = random.normals(length);
      const right = awayFromZero(random, length);
      const expected = left.map((x, i) => binaryKinds[kind](x, right[i]));
      const run = async (a: TensorView, b: TensorView, out: TensorView, what: string, values = expected) => {
        backend.primitives[kind]({ a, b, broadcast: { length, stride: 1 }, out });
        expectClose(await arrays.read(out), values, { operation: kind, what: `${what}, ${length} elements` });
      };
      const view = (data: Float64Array) => arrays.floats([length], data);
      const [overLeft, overRight, same] = [view(left), view(right), view(right)];
      await run(overLeft, view(right), overLeft, 'the result is a');
      await run(view(left), overRight, overRight, 'the result is b');
      const twice = right.map((x) => binaryKinds[kind](x, x));
      await run(same, same, same, 'all three are one', twice);
    }
  });
}

async function addMany({ backend, expectClose }: Trial): Promise<void> {
  using arrays = new DeviceArrays(backend);
  const left = Float32Array.from({ length: manyElements }, (_, i) => i % 8191);
  const [a, b] = [arrays.floats([manyElements], left), arrays.floats([3], [0.25, 0.5, 0.75])];
  backend.primitives.add({ a, b, broadcast: { length: 3, stride: 1 }, out: a });
  const expected = left.map((x, i) => x + ((i % 3) + 1) / 4);
  expectClose(await arrays.read(a), expected, { operation: 'add', what: `${manyElements} elements` });
}

type UnaryKind = 'affine' | 'exp' | 'log' | 'sqrt' | 'sigmoid';

/** Numbers over the range an operation is defined on; the ends of the range come first. */
function argumentsOf(kind: UnaryKind, random: RandomNumbers, length: number): Float64Array {
  const ends = {
    affine: [0, -3],
    exp: [-30, 30, 0],
    log: [1, 1e-30, 1e30],
    sqrt: [0, 1e30, 1e-30],
    sigmoid: [0, -30, 30],
  };
  const within = {
    affine: (x: number) => x,
    exp: (x: number) => Math.max(-30, Math.min(30, x)),
    log: (x: number) => Math.fround(Math.exp(x)),
    sqrt: Math.abs,
    sigmoid: (x: number) => x,
  };
  const numbers = random.normals(length, 8).map((x) => within[kind](x));
  numbers.set(ends[kind].slice(0, length).map(Math.fround));
  return numbers;
}

const unaryReference = { affine: (x: Parameters<typeof exp>[0]) => affine(x, -0.75, 2.5), exp, log, sqrt, sigmoid };

async function unaryLengths({ backend, expectClose }: Trial, kind: UnaryKind): Promise<void> {
  const random = randomNumbers(4);
  const run = (input: TensorView, out: TensorView) =>
    kind === 'affine'
      ? backend.primitives.affine({ input, out, scale: -0.75, offset: 2.5 })
      : backend.primitives[kind]({ input, out });
  await atEachOffset(backend, async (arrays) => {
    for (const length of sweptLengths) {
      const numbers = argumentsOf(kind, random, length);
      const expected = unaryReference[kind](ndArray([length], numbers)).data;
      const input = arrays.floats([length], numbers);
      const out = arrays.floats([length]);
      run(input, out);
      expectClose(await arrays.read(out), expected, { operation: kind, what: `${length} elements` });
      run(input, input);
      expectClose(await arrays.read(input), expected, { operation: kind, what: `${length} elements in place` });
    }
  });
}

async function steepSigmoid({ backend, expectClose }: Trial): Promise<void> {
  using arrays = new DeviceArrays(backend);
  const [input, out] = [arrays.floats([4], [-100, -88.8, 88.8, 100]), arrays.floats([4])];
  backend.primitives.sigmoid({ input, out });
  const got = await arrays.read(out);
  expectThat(
    [...got].every((value) => value >= 0 && value <= 1),
    `sigmoid left [0, 1]: ${got.join(', ')}`,
  );
  expectClose(got, [0, 0, 1, 1], { operation: 'sigmoid', tolerance: { atol: 1e-30, rtol: 0 }, what: 'far from 0' });
}

async function fills({ backend }: Trial): Promise<void> {
  await atEachOffset(backend, async (arrays) => {
    for (const length of sweptLengths) {
      for (const [out, value] of [
        [arrays.floats([length]), -1.5],
        [arrays.floats([length]), 0],
        [arrays.floats([length]), -3.4028234663852886e38],
        [arrays.integers([length]), -1],
        [arrays.unsigned([length]), 4_294_967_295],
      ] as const) {
        backend.primitives.fill({ out, value });
        expectSame(await arrays.read(out), Array(length).fill(value), `fill of ${length} ${out.dtype}`);
      }
    }
  });
}

/** Normal numbers of which none is within 0.05 of zero, so that quotients stay moderate. */
function awayFromZero(random: RandomNumbers, length: number): Float64Array {
  return random.normals(length).map((x) => Math.fround(x < 0 ? x - 0.05 : x + 0.05));
}
