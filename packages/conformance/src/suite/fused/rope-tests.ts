/** rope at positions up to four million and its inverse, against float64 angles. */

import { createRopeAngles, maxRopePositions } from '@inattention/core/math';
import { randomNumbers } from '../../inputs/random-numbers.ts';
import { ndArray } from '../../reference/nd-array.ts';
import { ropeBackward, ropeForward } from '../../reference/rope.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset } from '../device-arrays.ts';
import { disposable, evaluate, variantsOf } from '../evaluate.ts';
import { lengthsUpTo } from '../lengths.ts';

const shapes = [
  { heads: 1, headDim: 2, theta: 10_000 },
  { heads: 3, headDim: 4, theta: 10_000 },
  { heads: 2, headDim: 6, theta: 500_000 },
  { heads: 8, headDim: 64, theta: 10_000 },
  { heads: 1, headDim: 130, theta: 10_000 },
];

/** Edges of the fine table (2,048 entries), long contexts, and the last position there is. */
const positions = [0, 1, 2, 63, 255, 2047, 2048, 2049, 4095, 32_999, 131_072, 1_000_003, maxRopePositions - 1, 7, 7];

export function ropeTests(group: Group): void {
  group.describe('rope', () => {
    for (const { name, fused } of variantsOf(group.fused.has('rope'))) {
      group.test(`at all positions, forth and back, ${name}`, (trial) => rotations(trial, fused));
      group.test(`every number of rows, ${name}`, (trial) => rowCounts(trial, fused));
    }
    if (group.fused.has('rope')) group.test('in place, at any offset', (trial) => inPlace(trial));
  });
}

async function rotations({ backend, expectClose }: Trial, fused: boolean): Promise<void> {
  const random = randomNumbers(61);
  for (const { heads, headDim, theta } of shapes) {
    const x = ndArray([positions.length, heads, headDim], random.normals(positions.length * heads * headDim));
    using angles = disposable(createRopeAngles(backend, headDim, theta));
    const got = await evaluate(backend, fused, ({ operations, floats, index }) => {
      const places = index(positions);
      return {
        forth: operations.rope(floats(x), places, angles.value),
        back: operations.rope(floats(x), places, angles.value, true),
      };
    });
    const what = `${heads} heads of ${headDim}, base ${theta}`;
    expectClose(got.forth, ropeForward(x, positions, theta).data, { operation: 'rope', what });
    expectClose(got.back, ropeBackward(x, positions, theta).data, { operation: 'rope', what: `${what}, inverse` });
  }
}

async function rowCounts({ backend, expectClose }: Trial, fused: boolean): Promise<void> {
  const random = randomNumbers(62);
  using angles = disposable(createRopeAngles(backend, 6, 10_000));
  for (const rows of lengthsUpTo(256)) {
    const x = ndArray([rows, 2, 6], random.normals(rows * 12));
    const places = Array.from({ length: rows }, (_, row) => (row * 977) % 5000);
    const { out } = await evaluate(backend, fused, ({ operations, floats, index }) => ({
      out: operations.rope(floats(x), index(places), angles.value),
    }));
    expectClose(out, ropeForward(x, places, 10_000).data, { operation: 'rope', what: `${rows} rows` });
  }
}

async function inPlace({ backend, expectClose }: Trial): Promise<void> {
  const random = randomNumbers(63);
  const x = ndArray([5, 3, 8], random.normals(120));
  const places = [900, 0, 2048, 31, 70_000];
  using angles = disposable(createRopeAngles(backend, 8, 10_000));
  await atEachOffset(backend, async (arrays) => {
    const [input, out] = [arrays.floats(x.shape, x.data), arrays.floats(x.shape)];
    const shared = { input, positions: arrays.integers([5], places), angles: angles.value, inverse: false };
    const expected = ropeForward(x, places, 10_000).data;
    backend.fused.rope?.({ ...shared, out });
    expectClose(await arrays.read(out), expected, { operation: 'rope', what: 'at an offset' });
    backend.fused.rope?.({ ...shared, out: input });
    expectClose(await arrays.read(input), expected, { operation: 'rope', what: 'in place' });
  });
}
