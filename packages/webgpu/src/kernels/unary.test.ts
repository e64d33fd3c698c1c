import { expect, test, vi } from 'vitest';
import { numbers } from '../../test/compare-numbers.ts';
import { trialsOf } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { type UnaryKind, unary } from './unary.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

const kinds: Readonly<Record<UnaryKind, (x: number) => number>> = {
  affine: (x) => -0.75 * x + 2.5,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};
const all = Object.keys(kinds) as UnaryKind[];
const factors = { scale: -0.75, offset: 2.5 };

/** What WGSL allows for exp of up to 30 is the widest; of a log near 0, and of a sum, the absolute error counts. */
function expectNear(got: Float32Array, expected: readonly number[], what: string): void {
  const far = expected.findIndex((x, i) => !(Math.abs((got[i] as number) - x) <= 1e-6 + 8e-6 * Math.abs(x)));
  expect(far, `${what}: ${got[far]} for ${expected[far]}`).toBe(-1);
}

test.each(trialsOf(device))('every length, in place too: $name', async ({ create }) => {
  const trial = create();
  for (const kind of all) {
    for (const size of [1, 4, 63, 64, 257, 4096, 40_000, 40_001]) {
      const wide = numbers(size, size, 5);
      const x = kind === 'log' || kind === 'sqrt' ? wide.map((value) => Math.abs(value) + 1e-3) : wide;
      const expected = Array.from(x, kinds[kind]);
      const [input, out] = [trial.floats([size], x), trial.floats([size])];
      unary(trial.runner, kind, { input, out }, factors);
      expectNear(await trial.read(out), expected, `${kind} of ${size}`);
      unary(trial.runner, kind, { input, out: input }, factors);
      expectNear(await trial.read(input), expected, `${kind} of ${size} in place`);
    }
  }
  await trial.dispose();
});

test('infinities and NaN pass through; sigmoid saturates', async () => {
  const x = [Infinity, -Infinity, NaN, 1000, -1000, 88.8, -88.8, 0];
  for (const { create } of trialsOf(device)) {
    const trial = create();
    const run = async (kind: UnaryKind) => {
      const [input, out] = [trial.floats([8], x), trial.floats([8])];
      unary(trial.runner, kind, { input, out }, factors);
      return [...(await trial.read(out))];
    };
    expect(await run('affine')).toEqual([
      -Infinity,
      Infinity,
      NaN,
      -747.5,
      752.5,
      expect.anything(),
      expect.anything(),
      2.5,
    ]);
    expect((await run('exp')).slice(0, 5)).toEqual([Infinity, 0, NaN, Infinity, 0]);
    for (const kind of ['log', 'sqrt'] as const) {
      const [ofInfinity, , ofNaN] = await run(kind);
      expect([ofInfinity, ofNaN]).toEqual([Infinity, NaN]);
    }
    const sigmoid = await run('sigmoid');
    expect(sigmoid.slice(0, 6)).toEqual([1, 0, NaN, 1, 0, 1]);
    expect(sigmoid[6]).toBeGreaterThanOrEqual(0);
    expect(sigmoid[6]).toBeLessThan(1e-37);
    expect(sigmoid[7]).toBe(0.5);
    await trial.dispose();
  }
});
