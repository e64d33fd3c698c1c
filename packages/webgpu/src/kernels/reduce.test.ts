import { expect, test, vi } from 'vitest';
import { numbers, relativeError } from '../../test/compare-numbers.ts';
import { KernelTrial, trialsOf } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { type ReduceKind, reduce } from './reduce.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

const kinds: readonly ReduceKind[] = ['sum', 'max'];

function reference(kind: ReduceKind, x: Float32Array, outer: number, axis: number, inner: number): number[] {
  return Array.from({ length: outer * inner }, (_, result) => {
    const first = Math.floor(result / inner) * axis * inner + (result % inner);
    let total = kind === 'sum' ? 0 : Number.NEGATIVE_INFINITY;
    for (let k = 0; k < axis; k += 1) {
      const value = x[first + k * inner] as number;
      total = kind === 'sum' ? total + value : Math.max(total, value);
    }
    return total;
  });
}

/** The short bindings of the trials hold 16,320 elements. */
const shapes: readonly (readonly [outer: number, axis: number, inner: number])[] = [
  [1, 1, 1],
  [3, 31, 1],
  [3, 33, 1], // a workgroup per row from here on
  [2, 63, 1],
  [2, 64, 1],
  [5, 65, 1],
  [4, 257, 1],
  [1, 40_000, 1], // two stages, or windows of the axis
  [3, 20_001, 1],
  [700, 70, 1],
  [70_001, 2, 1],
  [2, 5000, 3],
  [1, 300, 64],
  [9, 17, 65],
  [600, 9, 11],
  [2, 3, 17_000], // rows longer than a binding
  [1, 2, 40_001],
];

test.each(trialsOf(device))('sum, max: $name', async ({ create }) => {
  for (const kind of kinds) {
    const trial = create();
    for (const [outer, axis, inner] of shapes) {
      const x = numbers(outer * axis * inner, axis).map((value) => value + (kind === 'sum' ? 0.5 : -3));
      const out = trial.floats([outer, inner]);
      reduce(trial.runner, kind, { input: trial.floats([outer, axis, inner], x), outer, axis, inner, out });
      const error = relativeError(await trial.read(out), reference(kind, x, outer, axis, inner));
      expect(error, `${kind} of [${outer}, ${axis}, ${inner}]`).toBeLessThan(kind === 'sum' ? 2e-6 : 1e-30);
    }
    await trial.dispose();
  }
});

test.each(trialsOf(device))('infinities decide: $name', async ({ create }) => {
  const trial = create();
  for (const [outer, axis, inner] of [
    [2, 5, 1],
    [2, 300, 1],
    [2, 300, 4],
    [1, 20_000, 1],
  ] as const) {
    const x = new Float32Array(outer * axis * inner).fill(Number.NEGATIVE_INFINITY);
    const out = trial.floats([outer, inner]);
    reduce(trial.runner, 'max', { input: trial.floats([outer, axis, inner], x), outer, axis, inner, out });
    expect(new Set(await trial.read(out))).toEqual(new Set([Number.NEGATIVE_INFINITY]));
    x[x.length - 1] = Number.POSITIVE_INFINITY;
    reduce(trial.runner, 'max', { input: trial.floats([outer, axis, inner], x), outer, axis, inner, out });
    expect((await trial.read(out)).at(-1)).toBe(Number.POSITIVE_INFINITY);
  }
  await trial.dispose();
});

test('a million terms keep their precision', async () => {
  for (const software of [true, false]) {
    const trial = new KernelTrial(device, { software });
    const axis = 2 ** 20;
    const x = new Float32Array(axis).fill(0.1);
    for (const [outer, inner] of [
      [1, 1],
      [4, 1],
      [1, 4],
    ] as const) {
      const out = trial.floats([outer, inner]);
      const length = axis / (outer * inner);
      reduce(trial.runner, 'sum', { input: trial.floats([outer, length, inner], x), outer, axis: length, inner, out });
      for (const total of await trial.read(out))
        expect(Math.abs(total / (length * Math.fround(0.1)) - 1)).toBeLessThan(4e-6);
    }
    await trial.dispose();
  }
});
