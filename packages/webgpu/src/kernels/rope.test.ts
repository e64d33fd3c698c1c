import { expect, test, vi } from 'vitest';
import { numbers, relativeError } from '../../test/compare-numbers.ts';
import { type KernelTrial, trialsOf } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { rope } from './rope.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

const fineLength = 256;
const coarseLength = 300;
const theta = 10_000;
const angleOf = (position: number, pair: number, headDim: number) => position * theta ** ((-2 * pair) / headDim);

function table(trial: KernelTrial, entries: number, step: number, headDim: number) {
  const data = new Float32Array(entries * headDim); // [entries, C/2, 2]
  for (let i = 0; i < data.length; i += 2) {
    const angle = angleOf(Math.floor(i / headDim) * step, (i % headDim) / 2, headDim);
    data[i] = Math.cos(angle);
    data[i + 1] = Math.sin(angle);
  }
  return trial.floats([entries, headDim / 2, 2], data);
}

function reference(x: Float32Array, positions: readonly number[], heads: number, headDim: number, direction: number) {
  const half = headDim / 2;
  return Float64Array.from(x, (value, i) => {
    const c = i % headDim;
    const position = positions[Math.floor(i / (heads * headDim))] as number;
    const angle = direction * angleOf(position, c % half, headDim);
    const other = x[c < half ? i + half : i - half] as number;
    return value * Math.cos(angle) + (c < half ? -other : other) * Math.sin(angle);
  });
}

test.each(trialsOf(device))('rope: $name', async ({ create }) => {
  const trial = create();
  for (const [rows, heads, headDim] of [
    [1, 1, 2],
    [3, 3, 4],
    [17, 5, 8],
    [2, 9, 64],
    [65, 2, 66],
    [5, 1, 256],
    [33, 12, 64],
  ] as const) {
    const last = fineLength * coarseLength - 1;
    const positions = Array.from({ length: rows }, (_, row) => [last, 0, 255, 256, 257][row] ?? (row * 977) % last);
    const x = numbers(rows * heads * headDim, headDim);
    const angles = {
      fineLength,
      fine: table(trial, fineLength, 1, headDim),
      coarse: table(trial, coarseLength, fineLength, headDim),
    };
    for (const inverse of [false, true]) {
      const [input, out] = [trial.floats([rows, heads, headDim], x), trial.floats([rows, heads, headDim])];
      const shared = { input, positions: trial.integers([rows], positions), angles, inverse };
      rope(trial.runner, { ...shared, out });
      rope(trial.runner, { ...shared, out: input });
      const expected = reference(x, positions, heads, headDim, inverse ? -1 : 1);
      expect(relativeError(await trial.read(out), expected)).toBeLessThan(1e-6);
      expect(await trial.read(input)).toEqual(await trial.read(out));
    }
  }
  await trial.dispose();
});
