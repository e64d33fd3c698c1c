import { expect, test, vi } from 'vitest';
import { relativeError } from '../../test/compare-numbers.ts';
import { trialsOf } from '../../test/kernel-trial.ts';
import { type MatmulCase, placeProduct } from '../../test/matmul-case.ts';
import { openDevice } from '../device/open-device.ts';
import { matmul } from './matmul.ts';

vi.setConfig({ testTimeout: 240_000 });

const { device } = await openDevice({ limits: 'default' });

/** What a short binding (65,536 bytes) cannot hold is cut along each axis. */
const products: readonly MatmulCase[] = [
  { rows: 1, columns: 1, inner: 1 },
  { rows: 7, columns: 13, inner: 5, batch: 3, scale: 0.5, accumulate: true },
  { rows: 3, columns: 6, inner: 9, batch: 5, repeatB: true },
  { rows: 33, columns: 1, inner: 700, transposeA: true, accumulate: true },
  { rows: 1, columns: 2, inner: 20_001, transposeB: true },
  { rows: 2, columns: 1, inner: 33_000, scale: 2 },
  { rows: 40, columns: 330, inner: 260 },
  { rows: 66, columns: 66, inner: 300, transposeA: true, transposeB: true, accumulate: true },
  { rows: 1, columns: 17_000, inner: 3 },
  { rows: 2, columns: 3, inner: 5, batch: 6000 },
  { rows: 1, columns: 2, inner: 33_001, dtype: 'f16', transposeB: true },
  { rows: 5, columns: 3, inner: 15_001, dtype: 'f16', accumulate: true },
  { rows: 1, columns: 5, inner: 7, batch: 2100, dtype: 'f16', transposeB: true },
  { rows: 9, columns: 300, inner: 260, dtype: 'i8', transposeB: true, blockLength: 48 },
  { rows: 1, columns: 2, inner: 66_000, dtype: 'i8', transposeB: true, blockLength: 16, accumulate: true },
  { rows: 300, columns: 3, inner: 100, dtype: 'i8', transposeA: true, transposeB: true }, // cut within a block
  { rows: 2, columns: 33, inner: 1040, batch: 3, dtype: 'i8', transposeB: true, blockLength: 16 },
];

test.each(trialsOf(device))('matmul: $name', async ({ create }) => {
  const trial = create();
  for (const product of products) {
    const { args, expected } = placeProduct(trial, product);
    matmul(trial.runner, args);
    expect(relativeError(await trial.read(args.out), expected), JSON.stringify(product)).toBeLessThan(1e-5);
  }
  await trial.dispose();
});

test('results are the same each time, shared out or not', async () => {
  for (const { create } of trialsOf(device)) {
    const trial = create();
    const { args } = placeProduct(trial, { rows: 1, columns: 2, inner: 20_001, transposeB: true });
    const results: Float32Array[] = [];
    for (let i = 0; i < 3; i += 1) {
      matmul(trial.runner, args);
      results.push(await trial.read(args.out));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    await trial.dispose();
  }
});
