/** sum and max over an axis of every length, with and without axes after it. */

import { randomNumbers } from '../../inputs/random-numbers.ts';
import { ndArray } from '../../reference/nd-array.ts';
import { max, sum } from '../../reference/reduce.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset } from '../device-arrays.ts';
import { lengthsUpTo, sweptLengths } from '../lengths.ts';

type Shape = readonly [outer: number, axis: number, inner: number];

const shapes: readonly Shape[] = [
  ...sweptLengths.map((axis): Shape => [3, axis, 1]), // rows
  ...lengthsUpTo(256).map((axis): Shape => [1, axis, 7]), // columns
  ...lengthsUpTo(256).map((outer): Shape => [outer, 5, 1]),
  ...lengthsUpTo(256).map((inner): Shape => [2, 9, inner]),
  [1, 65_537, 1],
  [70_001, 2, 1],
];

export function reductionTests(group: Group): void {
  group.describe('reductions', () => {
    group.test('sum', (trial) => reduce(trial, 'sum'));
    group.test('max', (trial) => reduce(trial, 'max'));
    group.test('max: of negative numbers, and of the lowest f32', (trial) => lowMaxima(trial));
  });
}

const references = { sum, max };

async function reduce({ backend, expectClose }: Trial, kind: 'sum' | 'max'): Promise<void> {
  const random = randomNumbers(11);
  await atEachOffset(backend, async (arrays) => {
    for (const [outer, axis, inner] of shapes) {
      // Shifted, so that a sum does not vanish against its terms and a maximum is not always positive.
      const numbers = random.normals(outer * axis * inner).map((x) => Math.fround(x + (kind === 'sum' ? 0.5 : -2)));
      const out = arrays.floats([outer, inner]);
      backend.primitives[kind]({ input: arrays.floats([outer, axis, inner], numbers), outer, axis, inner, out });
      const expected = references[kind](ndArray([outer, axis, inner], numbers), 1).data;
      expectClose(await arrays.read(out), expected, { operation: kind, what: `[${outer}, ${axis}, ${inner}]` });
      arrays.dispose();
    }
  });
}

async function lowMaxima({ backend, expectClose }: Trial): Promise<void> {
  const lowest = -3.4028234663852886e38;
  await atEachOffset(backend, async (arrays) => {
    for (const axis of lengthsUpTo(256)) {
      const numbers = Array.from({ length: 2 * axis }, (_, i) => (i < axis ? -1000 - ((i * 7) % axis) : lowest));
      const out = arrays.floats([2]);
      backend.primitives.max({ input: arrays.floats([2, axis], numbers), outer: 2, axis, inner: 1, out });
      const expected = [Math.max(...numbers.slice(0, axis)), lowest];
      expectClose(await arrays.read(out), expected, { operation: 'max', what: `negative numbers, axis ${axis}` });
    }
  });
}
