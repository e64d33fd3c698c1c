import { expect, test } from 'vitest';
import { KernelTrial } from '../../../test/kernel-trial.ts';
import { openDevice } from '../../device/open-device.ts';
import { chooseKernel } from './choose-kernel.ts';
import { problemOf } from './problem.ts';

const { device } = await openDevice({ limits: 'default' });

function choiceOf(software: boolean, rows: number, columns: number, inner: number, transposeB = true, batch = 1) {
  const trial = new KernelTrial(device, { software });
  const view = { ...trial.floats([1]), shape: [batch, rows, columns] };
  const problem = problemOf({
    a: view,
    b: view,
    out: view,
    batch,
    rows,
    columns,
    inner,
    transposeA: false,
    transposeB,
    strideA: rows * inner,
    strideB: columns * inner,
    scale: 1,
    accumulate: false,
  });
  return chooseKernel(trial.runner.traits, problem);
}

test('a GPU gets tiles, of a size that fills it', () => {
  expect(choiceOf(false, 1024, 2304, 768)).toMatchObject({
    kernel: 'tiled',
    tile: { rows: 128, columns: 64 },
    splits: 1,
  });
  expect(choiceOf(false, 512, 1024, 768)).toMatchObject({
    kernel: 'tiled',
    tile: { rows: 64, columns: 64 },
    splits: 1,
  });
  expect(choiceOf(false, 12, 3072, 768)).toMatchObject({ kernel: 'tiled', tile: { rows: 16, columns: 64 } });
  expect(choiceOf(false, 256, 256, 64, true, 12)).toMatchObject({ tile: { rows: 64 }, splits: 1 });
});

test('a GPU shares out a long inner axis where results are few', () => {
  expect(choiceOf(false, 64, 64, 8192)).toMatchObject({ kernel: 'tiled', tile: { rows: 32 }, splits: 32 });
  expect(choiceOf(false, 1, 768, 3072)).toMatchObject({ kernel: 'few-rows-dot', splits: 2 });
  expect(choiceOf(false, 1, 768, 3072, false)).toMatchObject({ kernel: 'few-rows-outer', splits: 21 });
});

test('a GPU reads the weight once for up to eight rows', () => {
  for (const [rows, variant] of [
    [1, 1],
    [2, 2],
    [3, 4],
    [5, 8],
    [8, 8],
  ] as const) {
    expect(choiceOf(false, rows, 50_257, 768)).toEqual({ kernel: 'few-rows-dot', rows: variant, splits: 1 });
  }
  expect(choiceOf(false, 9, 50_257, 768)).toMatchObject({ kernel: 'tiled' });
});

test('a device that plays GPU gets kernels without barriers', () => {
  expect(choiceOf(true, 512, 512, 512)).toMatchObject({ kernel: 'registers-dot' });
  expect(choiceOf(true, 512, 512, 512, false)).toMatchObject({ kernel: 'registers-outer' });
  expect(choiceOf(true, 1, 2048, 2048)).toMatchObject({ kernel: 'registers-dot', shape: { rows: 1 } });
});
