import { expect, test, vi } from 'vitest';
import { KernelTrial, trialsOf } from '../../test/kernel-trial.ts';
import { readWords } from '../../test/stored-arrays.ts';
import { openDevice } from '../device/open-device.ts';
import { fill } from './fill.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

test.each(trialsOf(device))('f32, i32 and u32 of every length: $name', async ({ create }) => {
  const trial = create();
  for (const length of [1, 2, 3, 4, 5, 63, 64, 255, 256, 257, 16_321, 40_000, 40_003]) {
    for (const [dtype, value, word] of [
      ['f32', -1.5, 0xbfc00000],
      ['f32', Infinity, 0x7f800000],
      ['i32', -2, 0xfffffffe],
      ['i32', 2 ** 31 - 1, 0x7fffffff],
      ['u32', 2 ** 32 - 1, 0xffffffff],
    ] as const) {
      const out = { ...trial.floats([length]), dtype };
      fill(trial.runner, { out, value });
      const got = await readWords(trial, out);
      expect(got.length).toBe(length);
      expect(got.every((x) => x === word)).toBe(true);
    }
  }
  await trial.dispose();
});

test('longer than one dispatch', async () => {
  const trial = new KernelTrial(device, { software: true });
  const length = 2 ** 24 + 2 ** 20 + 1;
  const out = { ...trial.floats([length]), dtype: 'i32' } as const;
  fill(trial.runner, { out, value: 7 });
  const got = await readWords(trial, out);
  expect(got.every((x) => x === 7)).toBe(true);
  await trial.dispose();
});
