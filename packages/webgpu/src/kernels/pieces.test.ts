import { expect, test } from 'vitest';
import { KernelTrial } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { blockOf, rowRuns } from './pieces.ts';

const { device } = await openDevice({ limits: 'default' });
const { runner } = new KernelTrial(device, { software: true, maxBindingBytes: 65536 });
const words = (65536 - 256) / 4;

test.each([1, 2, 3, 4, 5, 63, 64, 65, 255, 256, 257, 1000, 4079, 4080, 4081, 16_320])(
  'runs of rows of %i words cover all rows once and fit a binding',
  (width) => {
    for (const rows of [0, 1, 3, 4, 64, 100, 20_000]) {
      const runs = rowRuns(runner, rows, width);
      let next = 0;
      for (const { first, count } of runs) {
        expect(first).toBe(next);
        expect(count).toBeGreaterThan(0);
        expect(count * width).toBeLessThanOrEqual(words);
        next += count;
      }
      expect(next).toBe(rows);
    }
  },
);

test('columns of a run that fits are one run', () => {
  for (let width = 1; width < 5000; width += 1) {
    const [run] = rowRuns(runner, 20_000, width);
    expect(rowRuns(runner, width, run?.count ?? 0)).toEqual([{ first: 0, count: width }]);
  }
});

test('a row longer than a binding is cut into columns', () => {
  const buffer = { byteLength: 2 * 50_257 * 4 };
  const view = { buffer, byteOffset: 8, dtype: 'f32' as const, shape: [2, 50_257] };
  const [run, ...others] = rowRuns(runner, 2, 50_257);
  expect([run?.count, others.length]).toEqual([1, 1]);
  const columns = rowRuns(runner, 50_257, 1);
  expect(columns.map(({ count }) => count)).toEqual([words, words, words, 50_257 - 3 * words]);
  const block = blockOf(view, 1, 1, { first: words, count: 4 });
  expect([block.byteOffset, block.shape]).toEqual([8 + (50_257 + words) * 4, [1, 4]]);
});
