import { expect, test, vi } from 'vitest';
import { numbers, relativeError } from '../../test/compare-numbers.ts';
import { reducingTrialsOf } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { rmsNormBackward } from './rms-norm-backward.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

function reference(x: Float32Array, weight: Float32Array | null, inverse: Float32Array, grad: Float32Array) {
  const rows = inverse.length;
  const width = x.length / rows;
  const gradInput = new Float64Array(x.length);
  const gradWeight = new Float64Array(width);
  for (let row = 0; row < rows; row += 1) {
    const s = inverse[row] as number;
    const at = (c: number) => row * width + c;
    const y = (c: number) => (grad[at(c)] as number) * (weight?.[c] ?? 1);
    let along = 0;
    for (let c = 0; c < width; c += 1) along += ((x[at(c)] as number) * s * y(c)) / width;
    for (let c = 0; c < width; c += 1) {
      gradInput[at(c)] = s * (y(c) - (x[at(c)] as number) * s * along);
      gradWeight[c] = (gradWeight[c] as number) + (grad[at(c)] as number) * (x[at(c)] as number) * s;
    }
  }
  return { gradInput, gradWeight };
}

const shapes = [
  [1, 1],
  [3, 2],
  [5, 63],
  [2, 65],
  [300, 8],
  [7, 255],
  [3, 256],
  [1, 4097],
  [20, 4096],
] as const;

test.each(reducingTrialsOf(device))('rmsNormBackward: $name', async ({ create }) => {
  const trial = create();
  for (const [rows, width] of shapes) {
    const [x, gradOut] = [numbers(rows * width, width), numbers(rows * width, 5)];
    const inverse = numbers(rows, 6).map((value) => Math.abs(value) + 0.5);
    for (const weight of [numbers(width, 7), null]) {
      const expected = reference(x, weight, inverse, gradOut);
      const [gradInput, gradWeight] = [trial.floats([rows, width]), trial.floats([width])];
      const views = {
        input: trial.floats([rows, width], x),
        weight: weight === null ? null : trial.floats([width], weight),
        inverseRms: trial.floats([rows], inverse),
        gradOut: trial.floats([rows, width], gradOut),
      };
      rmsNormBackward(trial.runner, { ...views, gradInput, gradWeight: weight === null ? null : gradWeight });
      // Where a row is one number the two terms nearly cancel.
      const bound = width < 3 ? 1e-5 : 2e-6;
      expect(relativeError(await trial.read(gradInput), expected.gradInput)).toBeLessThan(bound);
      if (weight === null) continue;
      expect(relativeError(await trial.read(gradWeight), expected.gradWeight)).toBeLessThan(2e-6);
      const again = trial.floats([width]);
      rmsNormBackward(trial.runner, { ...views, gradInput: views.gradOut, gradWeight: again });
      expect(await trial.read(again)).toEqual(await trial.read(gradWeight));
      expect(await trial.read(views.gradOut)).toEqual(await trial.read(gradInput));
    }
  }
  await trial.dispose();
});

test('without rows the gradient of the weight is zero', async () => {
  for (const { create } of reducingTrialsOf(device)) {
    const trial = create();
    const gradWeight = trial.floats([6]);
    rmsNormBackward(trial.runner, {
      input: trial.floats([0, 6], []),
      weight: trial.floats([6], numbers(6)),
      inverseRms: trial.floats([0], []),
      gradOut: trial.floats([0, 6], []),
      gradInput: trial.floats([0, 6], []),
      gradWeight,
    });
    expect([...(await trial.read(gradWeight))]).toEqual([0, 0, 0, 0, 0, 0]);
    await trial.dispose();
  }
});
