import { expect, test, vi } from 'vitest';
import { numbers, relativeError } from '../../test/compare-numbers.ts';
import { KernelTrial, reducingTrialsOf } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { rmsNorm } from './rms-norm.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });
const epsilon = 1e-5;

function reference(x: Float32Array, rows: number, width: number, weight: Float32Array | null) {
  const inverse = Array.from({ length: rows }, (_, row) => {
    const squares = x.subarray(row * width, (row + 1) * width).reduce((sum, value) => sum + value * value, 0);
    return 1 / Math.sqrt(squares / width + epsilon);
  });
  const out = Array.from(
    x,
    (value, i) => value * (inverse[Math.floor(i / width)] as number) * (weight?.[i % width] ?? 1),
  );
  return { inverse, out };
}

test.each(reducingTrialsOf(device))('rmsNorm: $name', async ({ create }) => {
  const trial = create();
  for (const [rows, width] of [
    [1, 1],
    [3, 2],
    [5, 63],
    [2, 65],
    [7, 255],
    [3, 256],
    [2, 1028],
    [1, 4097],
    [1000, 1],
    [20, 4096],
  ] as const) {
    const x = numbers(rows * width, width);
    const gain = numbers(width, 7);
    for (const weight of [gain, null]) {
      const expected = reference(x, rows, width, weight);
      const [out, inverseRms] = [trial.floats([rows, width]), trial.floats([rows])];
      rmsNorm(trial.runner, {
        input: trial.floats([rows, width], x),
        weight: weight === null ? null : trial.floats([width], weight),
        epsilon,
        out,
        inverseRms: weight === null ? null : inverseRms,
      });
      expect(relativeError(await trial.read(out), expected.out)).toBeLessThan(2e-6);
      if (weight !== null) expect(relativeError(await trial.read(inverseRms), expected.inverse)).toBeLessThan(2e-6);
    }
  }
  rmsNorm(trial.runner, {
    input: trial.floats([0, 8]),
    weight: null,
    epsilon,
    out: trial.floats([0, 8]),
    inverseRms: null,
  });
  await trial.dispose();
});

test('more rows than workgroups along one dimension', async () => {
  const trial = new KernelTrial(device, { software: false });
  const x = numbers(65_537, 3);
  const out = trial.floats([65_537, 1]);
  rmsNorm(trial.runner, { input: trial.floats([65_537, 1], x), weight: null, epsilon, out, inverseRms: null });
  expect(relativeError(await trial.read(out), reference(x, 65_537, 1, null).out)).toBeLessThan(2e-6);
  await trial.dispose();
});
