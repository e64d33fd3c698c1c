import type { Broadcast } from '@inattention/core';
import { expect, test, vi } from 'vitest';
import { numbers, relativeError } from '../../test/compare-numbers.ts';
import { trialsOf } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { type BinaryKind, binary } from './binary.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

const kinds: Readonly<Record<BinaryKind, (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  subtract: (x, y) => x - y,
  multiply: (x, y) => x * y,
  divide: (x, y) => x / y,
};
const all = Object.keys(kinds) as BinaryKind[];

/** Elements, and how b repeats over them; the short bindings of the trials hold 16,320. */
const cases: readonly (readonly [size: number, broadcast: Broadcast])[] = [
  [1, { length: 1, stride: 1 }],
  [64, { length: 64, stride: 1 }],
  [65, { length: 65, stride: 1 }],
  [40_000, { length: 40_000, stride: 1 }],
  [40_002, { length: 40_002, stride: 1 }],
  [40_000, { length: 8, stride: 1 }], // rows
  [40_000, { length: 500, stride: 1 }],
  [40_005, { length: 635, stride: 1 }],
  [40_000, { length: 20_000, stride: 1 }], // rows longer than a binding
  [40_010, { length: 20_005, stride: 1 }],
  [40_000, { length: 1, stride: 1 }], // a scalar
  [40_000, { length: 40, stride: 1000 }], // a number per row
  [40_005, { length: 8001, stride: 5 }],
  [40_000, { length: 20_000, stride: 2 }], // more of them than a binding has
  [80_000, { length: 20_000, stride: 4 }],
  [200_000, { length: 2, stride: 100_000 }], // rows longer than a binding, a number each
  [60_000, { length: 20, stride: 1000 }], // a middle axis
  [72_000, { length: 18_000, stride: 2 }],
];

test.each(trialsOf(device))('b repeats as rows, runs and scalars: $name', async ({ create }) => {
  const trial = create();
  for (const [place, [size, broadcast]] of cases.entries()) {
    const kind = all[place % 4] as BinaryKind;
    const [left, right] = [numbers(size, size), numbers(broadcast.length, 7).map((x) => (x < 0 ? x - 0.1 : x + 0.1))];
    const out = trial.floats([size]);
    binary(trial.runner, kind, {
      a: trial.floats([size], left),
      b: trial.floats([broadcast.length], right),
      broadcast,
      out,
    });
    const expected = Array.from(left, (x, i) =>
      kinds[kind](x, right[Math.floor(i / broadcast.stride) % broadcast.length] as number),
    );
    const error = relativeError(await trial.read(out), expected);
    expect(error, `${kind} ${size} ${JSON.stringify(broadcast)}`).toBeLessThan(3e-7);
  }
  await trial.dispose();
});

test.each(trialsOf(device))('the result may be either operand: $name', async ({ create }) => {
  const trial = create();
  for (const size of [64, 65, 20_000, 40_003]) {
    for (const kind of all) {
      const [left, right] = [numbers(size, size), numbers(size, 3).map((x) => (x < 0 ? x - 0.1 : x + 0.1))];
      const expected = Array.from(left, (x, i) => kinds[kind](x, right[i] as number));
      const broadcast = { length: size, stride: 1 };
      const [a, b] = [trial.floats([size], left), trial.floats([size], right)];
      binary(trial.runner, kind, { a, b: trial.floats([size], right), broadcast, out: a });
      binary(trial.runner, kind, { a: trial.floats([size], left), b, broadcast, out: b });
      for (const out of [a, b]) expect(relativeError(await trial.read(out), expected), kind).toBeLessThan(3e-7);
    }
  }
  await trial.dispose();
});

test('infinities and NaN pass through', async () => {
  for (const { create } of trialsOf(device)) {
    const trial = create();
    const left = [Infinity, -Infinity, NaN, Infinity, 0, 1, 2, 3];
    const right = [1, 1, 1, -Infinity, NaN, Infinity, -1, 4];
    for (const kind of ['add', 'subtract', 'multiply'] as const) {
      const [a, b] = [trial.floats([8], left), trial.floats([8], right)];
      binary(trial.runner, kind, { a, b, broadcast: { length: 8, stride: 1 }, out: a });
      expect([...(await trial.read(a))]).toEqual(left.map((x, i) => kinds[kind](x, right[i] as number)));
    }
    await trial.dispose();
  }
});
