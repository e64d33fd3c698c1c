/** Comparing numbers: within atol + rtol · (largest expected), NaN and infinities by identity. */

import { expect } from 'vitest';

export interface Closeness {
  /** Allowed error as a share of the largest expected number. */
  readonly relative?: number;
  /** Allowed error besides. */
  readonly absolute?: number;
}

export function expectClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  { relative = 1e-6, absolute = 1e-7 }: Closeness = {},
): void {
  expect(got.length).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < expected.length; i += 1) {
    const size = Math.abs(expected[i] as number);
    if (Number.isFinite(size)) largest = Math.max(largest, size);
  }
  const allowed = absolute + relative * largest;
  let firstBad: string | null = null;
  let worst = 0;
  for (let i = 0; i < expected.length; i += 1) {
    const [a, b] = [got[i] as number, expected[i] as number];
    const error = Number.isFinite(a) && Number.isFinite(b) ? Math.abs(a - b) : Object.is(a, b) ? 0 : Infinity;
    if (error > allowed) firstBad ??= `index ${i}: got ${a}, expected ${b} ± ${allowed}`;
    worst = Math.max(worst, error);
  }
  expect(firstBad === null ? null : `${firstBad}; largest error ${worst}`).toBeNull();
}

/** Central differences of a scalar function at x, all in float64. */
export function numericalGradient(
  compute: (x: Float64Array) => number,
  at: ArrayLike<number>,
  step = 1e-5,
): Float64Array {
  const x = Float64Array.from(at);
  return x.map((value, i) => {
    x[i] = value + step;
    const above = compute(x);
    x[i] = value - step;
    const below = compute(x);
    x[i] = value;
    return (above - below) / (2 * step);
  });
}

/** Σ a_i b_i. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i += 1) total += (a[i] as number) * (b[i] as number);
  return total;
}
