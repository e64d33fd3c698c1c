/** permute of two to four axes, copyBlock with offsets and strides, and cast with every f16 there is. */

import { decodeFloat16, encodeFloat16 } from '@inattention/core';
import { randomNumbers } from '../../inputs/random-numbers.ts';
import { ndArray } from '../../reference/nd-array.ts';
import { permute } from '../../reference/permute.ts';
import { expectSame } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset, DeviceArrays } from '../device-arrays.ts';
import { sweptLengths } from '../lengths.ts';

export function movementTests(group: Group): void {
  group.describe('permute', () => {
    for (const shape of [
      [5, 7],
      [65, 257],
      [3, 5, 7],
      [64, 3, 65],
      [2, 3, 5, 7],
      [3, 1, 66, 4],
    ]) {
      group.test(`every order of [${shape.join(', ')}]`, (trial) => permutes(trial, shape));
    }
  });
  group.describe('cast', () => {
    group.test('copies of every dtype and length', (trial) => copies(trial));
    group.test('i32 to f32', (trial) => integersToFloats(trial));
    group.test('every f16 to f32', (trial) => halvesToFloats(trial, (bits) => (bits & 0x7c00) !== 0x7c00));
    group.test('f16 infinities and NaN to f32', (trial) => halvesToFloats(trial, (bits) => (bits & 0x7c00) === 0x7c00));
    group.test('f32 to f16: to the nearest, ties to even', (trial) => floatsToHalves(trial, normalHalves()));
    group.test('f32 to f16: subnormal results', (trial) => floatsToHalves(trial, subnormalHalves()));
    group.test('f32 to f16: overflow to infinity, infinities and NaN', (trial) => floatsToHalves(trial, beyondHalves));
    group.test('f32 to f16: every length', (trial) => castLengths(trial));
  });
}

async function permutes({ backend, expectClose }: Trial, shape: readonly number[]): Promise<void> {
  const random = randomNumbers(41);
  const x = ndArray(shape, random.normals(shape.reduce((size, n) => size * n)));
  await atEachOffset(backend, async (arrays) => {
    const input = arrays.floats(shape, x.data);
    for (const axes of ordersOf(shape.length)) {
      const expected = permute(x, axes);
      const out = arrays.floats(expected.shape);
      backend.primitives.permute({ input, axes, out });
      expectClose(await arrays.read(out), expected.data, { operation: 'permute', what: `axes ${axes.join(', ')}` });
    }
  });
}

/** All orders of 0 … rank − 1. */
function ordersOf(rank: number): number[][] {
  if (rank === 0) return [[]];
  return ordersOf(rank - 1).flatMap((order) =>
    Array.from({ length: rank }, (_, place) => [...order.slice(0, place), rank - 1, ...order.slice(place)]),
  );
}

async function copies({ backend }: Trial): Promise<void> {
  await atEachOffset(backend, async (arrays) => {
    for (const length of sweptLengths) {
      const numbers = Array.from({ length }, (_, i) => (i * 37) % 1009);
      for (const [input, out] of [
        [arrays.floats([length], numbers), arrays.floats([length])],
        [arrays.halves([length], numbers), arrays.halves([length])],
        [arrays.integers([length], numbers), arrays.integers([length])],
        [arrays.unsigned([length], numbers), arrays.unsigned([length])],
      ] as const) {
        backend.primitives.cast({ input, out });
        expectSame(await arrays.read(out), numbers, `copy of ${length} ${input.dtype}`);
      }
      arrays.dispose();
    }
  });
}

/** Exactly representable: ids and positions are. */
const integers = [0, 1, -1, 255, -256, 65_537, 16_777_215, 16_777_216, -16_777_216, 1 << 30, -(2 ** 31)];

async function integersToFloats({ backend }: Trial): Promise<void> {
  using arrays = new DeviceArrays(backend, 5);
  const [input, out] = [arrays.integers([integers.length], integers), arrays.floats([integers.length])];
  backend.primitives.cast({ input, out });
  expectSame(await arrays.read(out), integers, 'i32 to f32');
}

async function halvesToFloats({ backend }: Trial, chosen: (bits: number) => boolean): Promise<void> {
  using arrays = new DeviceArrays(backend, 5);
  const bits = Uint16Array.from([...Array(65_536).keys()].filter(chosen));
  const [input, out] = [arrays.halfBits([bits.length], bits), arrays.floats([bits.length])];
  backend.primitives.cast({ input, out });
  expectSame(await arrays.read(out), decodeFloat16(bits), 'f16 to f32');
}

/** Each number as f32, and the f16 that it becomes by the host's own rounding (tested in core). */
async function floatsToHalves({ backend }: Trial, numbers: readonly number[]): Promise<void> {
  using arrays = new DeviceArrays(backend, 5);
  const floats = Float32Array.from(numbers);
  const [input, out] = [arrays.floats([floats.length], floats), arrays.halves([floats.length])];
  backend.primitives.cast({ input, out });
  expectSame(await arrays.read(out), decodeFloat16(encodeFloat16(floats)), 'f32 to f16');
}

/** Normal f16 numbers, the midpoints to their neighbours, and the f32 numbers next to those midpoints. */
function normalHalves(): number[] {
  const numbers = [0, -0];
  for (let exponent = -14; exponent <= 15; exponent += 1) {
    for (const mantissa of [0, 1, 2, 511, 512, 1022, 1023]) {
      for (const sign of [1, -1]) {
        const half = sign * 2 ** exponent * (1 + mantissa / 1024);
        const midpoint = half + sign * 2 ** (exponent - 11);
        const step = 2 ** (exponent - 23);
        numbers.push(half, midpoint, midpoint + step, midpoint - step);
      }
    }
  }
  return numbers.filter((x) => Math.abs(x) < 65_520);
}

/** Below 2⁻¹⁴, in steps of 2⁻²⁴: multiples, midpoints, and what lies just beside them. */
function subnormalHalves(): number[] {
  return [0, 1, 2, 3, 511, 512, 1022, 1023].flatMap((multiple) =>
    [0, 0.25, 0.5, 0.5 + 2 ** -10, 0.5 - 2 ** -10, 0.75].flatMap((part) => {
      const x = (multiple + part) * 2 ** -24;
      return [x, -x];
    }),
  );
}

const beyondHalves = [65_519.996, 65_520, -65_520, 65_536, 1e30, -1e30, Infinity, -Infinity, Number.NaN];

async function castLengths({ backend, expectClose }: Trial): Promise<void> {
  const random = randomNumbers(42);
  await atEachOffset(backend, async (arrays) => {
    for (const length of sweptLengths) {
      const numbers = random.normals(length);
      const [input, half, back] = [arrays.floats([length], numbers), arrays.halves([length]), arrays.floats([length])];
      backend.primitives.cast({ input, out: half });
      backend.primitives.cast({ input: half, out: back });
      const expectation = { operation: 'cast', dtype: 'f16', what: `${length} elements to f16 and back` } as const;
      expectClose(await arrays.read(back), numbers, expectation);
      expectSame(await arrays.read(half), await arrays.read(back), `f16 of ${length} elements`);
      arrays.dispose();
    }
  });
}
