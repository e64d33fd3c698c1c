import { expect, test, vi } from 'vitest';
import { numbers, relativeError } from '../../test/compare-numbers.ts';
import { reducingTrialsOf } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { crossEntropy } from './cross-entropy.ts';
import { crossEntropyBackward } from './cross-entropy-backward.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

/** Rows shifted by up to ±25, the likely token far above the others; targets at both ends and between. */
function inputs(rows: number, width: number) {
  const logits = numbers(rows * width, width);
  const targets = Array.from({ length: rows }, (_, row) => [width - 1, 0, width >> 1][row] ?? (row * 31) % width);
  targets.forEach((target, row) => {
    const likely = row % 2 === 0 ? target : (target + 1) % width;
    for (let v = 0; v < width; v += 1) {
      const i = row * width + v;
      logits[i] = (logits[i] as number) + ((row * 17) % 50) - 25 + (v === likely ? Math.log(width) + 2 : 0);
    }
  });
  return { logits, targets, gradNll: numbers(rows, 9) };
}

function reference({ logits, targets, gradNll }: ReturnType<typeof inputs>) {
  const width = logits.length / targets.length;
  const logSumExp = targets.map((_, row) => {
    const own = logits.subarray(row * width, (row + 1) * width);
    const max = own.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
    return max + Math.log(own.reduce((sum, x) => sum + Math.exp(x - max), 0));
  });
  const nll = targets.map((target, row) => (logSumExp[row] as number) - (logits[row * width + target] as number));
  const gradient = Float64Array.from(logits, (x, i) => {
    const row = Math.floor(i / width);
    const one = i % width === targets[row] ? 1 : 0;
    return (gradNll[row] as number) * (Math.exp(x - (logSumExp[row] as number)) - one);
  });
  return { nll, logSumExp, gradient };
}

test.each(reducingTrialsOf(device))('crossEntropy and its gradient: $name', async ({ create }) => {
  const trial = create();
  for (const [rows, width] of [
    [1, 1],
    [3, 2],
    [65, 7],
    [2, 255],
    [3, 256],
    [300, 257],
    [130, 255], // 64 rows fill a short binding
    [5, 4100],
    [3, 50_257],
    [2, 50_260],
  ] as const) {
    const given = inputs(rows, width);
    const expected = reference(given);
    const logits = trial.floats([rows, width], given.logits);
    const targets = trial.integers([rows], given.targets);
    const [nll, logSumExp] = [trial.floats([rows]), trial.floats([rows])];
    crossEntropy(trial.runner, { logits, targets, nll, logSumExp });
    const off = (got: Float32Array, wanted: number[]) =>
      Math.max(...wanted.map((x, i) => Math.abs(x - (got[i] ?? 99))));
    expect(off(await trial.read(nll), expected.nll)).toBeLessThan(1e-5);
    expect(off(await trial.read(logSumExp), expected.logSumExp)).toBeLessThan(1e-5);
    const shared = { logits, targets, logSumExp, gradNll: trial.floats([rows], given.gradNll) };
    const gradLogits = trial.floats([rows, width]);
    crossEntropyBackward(trial.runner, { ...shared, gradLogits });
    crossEntropyBackward(trial.runner, { ...shared, gradLogits: logits });
    const got = await trial.read(gradLogits);
    // A vocabulary of one: 1 − 1.
    if (width === 1) expect(Math.max(...got.map(Math.abs))).toBeLessThan(1e-5);
    else expect(relativeError(got, expected.gradient)).toBeLessThan(1e-5);
    expect(await trial.read(logits)).toEqual(got);
  }
  await trial.dispose();
});
