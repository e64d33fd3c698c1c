import { describe, expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import type { RopeAngles } from '../backend/context-view.ts';
import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { EagerOperations } from './eager-operations.ts';

const [heads, headDim, theta, fineLength, coarseLength] = [2, 6, 10000, 64, 4096];
const half = headDim / 2;

function makeAngles(operations: EagerOperations): RopeAngles {
  const table = (entries: number, step: number) =>
    operations.upload(
      Float32Array.from({ length: entries * headDim }, (_, i) => {
        const angle = Math.floor(i / headDim) * step * theta ** (-Math.floor((i % headDim) / 2) / half);
        return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
      }),
      [entries, half, 2],
    );
  return { fineLength, fine: table(fineLength, 1), coarse: table(coarseLength, fineLength) };
}

function rotate(x: ArrayLike<number>, positions: readonly number[], sign: number): number[] {
  return Array.from(x, (value, i) => {
    const c = i % headDim;
    const angle = sign * (positions[Math.floor(i / (heads * headDim))] as number) * theta ** (-(c % half) / half);
    const other = x[c < half ? i + half : i - half] as number;
    return value * Math.cos(angle) + (c < half ? -1 : 1) * other * Math.sin(angle);
  });
}

describe.each([
  [false, 1],
  [true, -1],
])('rope, inverse: %s', (inverse, sign) => {
  it('rotates pairs by the angles of their position, also of large ones', async () => {
    const positions = [0, 1, 63, 64, 4097, 262143];
    const x = seededRandom(9).normals(positions.length * heads * headDim);
    const [got] = await onDevice(({ operations, tensor, index }) =>
      operations.rope(tensor(x, [positions.length, heads, headDim]), index(positions), makeAngles(operations), inverse),
    );
    expectClose(got as Float32Array, rotate(x, positions, sign), { relative: 5e-7 });
    // A wrong sign or a position off by one is far outside that.
    expect(
      Math.max(...rotate(x, positions, -sign).map((value, i) => Math.abs(value - (got?.[i] as number)))),
    ).toBeGreaterThan(0.5);
  });
});

it('is undone by its inverse', async () => {
  const x = seededRandom(10).normals(3 * heads * headDim);
  const [got] = await onDevice(({ operations, tensor, index }) => {
    const [positions, angles] = [index([7, 100000, 3]), makeAngles(operations)];
    const rotated = operations.rope(tensor(x, [3, heads, headDim]), positions, angles);
    return operations.rope(rotated, positions, angles, true);
  });
  expectClose(got as Float32Array, x);
});

it('takes no rows', async () => {
  const [got] = await onDevice(({ operations, tensor, index }) =>
    operations.rope(tensor([], [0, heads, headDim]), index([]), makeAngles(operations)),
  );
  expect(got).toEqual(new Float32Array(0));
});

it('refuses odd heads, other shapes and positions beyond the angles', () => {
  const operations = new EagerOperations(createHostBackend());
  const angles = makeAngles(operations);
  const apply = (shape: number[], positions: number[]) => () =>
    operations.rope(operations.zeros(shape), operations.index(positions), angles);
  expect(apply([1, 2, 5], [0])).toThrow(/heads of even size/);
  expect(apply([1, 2, 4], [0])).toThrow(ShapeError);
  expect(apply([2, 2, 6], [0])).toThrow(ShapeError);
  expect(apply([1, 2, 6], [262144])).toThrow(/a position that its angles do not reach. Got: 262144/);
  expect(apply([1, 2, 6], [-1])).toThrow(InvalidArgumentError);
  expect(apply([1, 2, 6], [-1])).toThrow(/Got: -1. Expected: 0 … 262143/);
});
