import { bytesPerElement, type MatmulArguments, sizeOf, type TensorView } from '@inattention/core';
import { expect, test } from 'vitest';
import { KernelTrial } from '../../../test/kernel-trial.ts';
import { dispatchBounds, type WorkRate } from '../../device/dispatch-bounds.ts';
import { openDevice } from '../../device/open-device.ts';
import { bytesOf, type Part, partsOf } from './parts.ts';
import { flopsOf, problemOf } from './problem.ts';

const { device } = await openDevice({ limits: 'default' });

/** A product of matrices that are said to be larger than their memory: nothing here reads them. */
function product(trial: KernelTrial, sizes: Partial<MatmulArguments>, dtype: 'f32' | 'f16' | 'i8' = 'f32') {
  const { batch = 1, rows = 1, columns = 1, inner = 1, transposeA = false, transposeB = false } = sizes;
  const place = (of: 'f32' | 'f16' | 'i8', shape: readonly number[]): TensorView => ({
    ...trial.floats([100_000]),
    dtype: of,
    shape,
  });
  const b = place(dtype, [batch, columns, inner]);
  const blocks = { blockLength: 32, scales: place('f32', [batch, columns, Math.ceil(inner / 32)]), minimums: null };
  return problemOf({
    a: place('f32', [batch, rows, inner]),
    b: dtype === 'i8' ? { ...b, blocks } : b,
    out: place('f32', [batch, rows, columns]),
    strideA: rows * inner,
    strideB: columns * inner,
    scale: 1,
    accumulate: false,
    ...sizes,
    batch,
    rows,
    columns,
    inner,
    transposeA,
    transposeB,
  });
}

/** Multiplications of all parts, and of those of the first inner indices results. */
function totals(parts: readonly Part[]) {
  const sum = (of: (part: Part) => number) => parts.reduce((total, part) => total + of(part), 0);
  return {
    multiplications: sum(({ batch, rows, columns, inner }) => batch * rows * columns * inner),
    results: sum(({ batch, rows, columns, accumulate }) => (accumulate ? 0 : batch * rows * columns)),
  };
}

test('a product that fits is one part', () => {
  const trial = new KernelTrial(device, { software: true });
  const problem = product(trial, { rows: 512, columns: 512, inner: 512 });
  expect(partsOf(trial.runner, problem)).toHaveLength(1);
});

test('a tied head, rows of a long text, and a large square are cut below 1 GFLOP and 100 MB', () => {
  const trial = new KernelTrial(device, { software: true });
  const cases: [Partial<MatmulArguments>, 'f32' | 'f16' | 'i8', parts: number][] = [
    [{ rows: 1, columns: 50_257, inner: 768, transposeB: true }, 'f32', 2],
    [{ rows: 1, columns: 50_257, inner: 768, transposeB: true }, 'f16', 1],
    [{ rows: 1, columns: 50_257, inner: 768, transposeB: true }, 'i8', 1],
    [{ rows: 1024, columns: 50_257, inner: 768, transposeB: true }, 'f16', 128],
    [{ rows: 50_257, columns: 768, inner: 1024, transposeA: true }, 'f32', 128],
    [{ rows: 4096, columns: 4096, inner: 4096 }, 'f32', 256],
  ];
  for (const [sizes, dtype, count] of cases) {
    const problem = product(trial, sizes, dtype);
    const parts = partsOf(trial.runner, problem);
    expect(parts).toHaveLength(count);
    for (const part of parts) {
      expect(flopsOf(part)).toBeLessThanOrEqual(1e9);
      expect(bytesOf(part)).toBeLessThanOrEqual(1e8);
    }
    const { rows, columns, inner } = problem;
    expect(totals(parts)).toEqual({ multiplications: rows * columns * inner, results: rows * columns });
  }
});

test('a device that does more in a second is given more at once', () => {
  const count = (rate: Partial<WorkRate> | null) => {
    const dispatch = rate === null ? dispatchBounds(false) : dispatchBounds(true, rate);
    const trial = new KernelTrial(device, { software: true, dispatch });
    return partsOf(trial.runner, product(trial, { rows: 2048, columns: 2048, inner: 2048 })).length;
  };
  expect([count({}), count({ flops: 4.3e9 }), count(null), count({ flops: 1.8e10 })]).toEqual([32, 4, 2, 1]);
  expect(() => count({ flops: Number.NaN })).toThrow(/slowestRate/);
});

test.each(['f32', 'f16', 'i8'] as const)('parts of %s fit short bindings, whatever axis is long', (dtype) => {
  const trial = new KernelTrial(device, { software: true, maxBindingBytes: 65_536 });
  const fits = (view: TensorView) => sizeOf(view.shape) * bytesPerElement[view.dtype] <= 65_536 - 256;
  for (const long of ['batch', 'rows', 'columns', 'inner'] as const) {
    // Rows of i8 are cut at words, so four rows of a transposed `a` must fit: 11 million columns in the default binding.
    for (const transposeA of dtype === 'i8' && long === 'rows' ? [false] : [false, true]) {
      for (const transposeB of dtype === 'i8' ? [true] : [false, true]) {
        const sizes = { batch: 2, rows: 3, columns: 5, inner: 36, [long]: 30_004, transposeA, transposeB };
        const parts = partsOf(trial.runner, product(trial, sizes, dtype));
        const views = parts.flatMap(({ a, b, out, scales }) => [a.view, b.view, out.view, scales ?? out.view]);
        expect(views.filter((view) => !fits(view) || view.byteOffset % 4 !== 0)).toEqual([]);
        const { batch, rows, columns, inner } = sizes;
        const results = batch * rows * columns;
        expect(totals(parts)).toEqual({ multiplications: results * inner, results });
      }
    }
  }
});
