/**
 * Comparing computed numbers with expected ones. A number fits when |got − expected| is within the tolerance; NaN fits
 * NaN alone, and an infinity fits the same infinity alone. Tolerances themselves are in tolerances.ts.
 */

import { InvalidArgumentError, ShapeError } from '@inattention/core';

/** atol + rtol · |expected| for each number, or one bound for all: relativeToMax · (largest finite |expected|). */
export type Tolerance = { readonly atol: number; readonly rtol: number } | { readonly relativeToMax: number };

export interface Comparison {
  /** Every number fits. */
  readonly ok: boolean;
  /** How many numbers were compared. */
  readonly count: number;
  /** How many do not fit. */
  readonly badCount: number;
  /** Index of the first number that does not fit; undefined when all do. */
  readonly firstBadIndex: number | undefined;
  /** What was got there. */
  readonly got: number | undefined;
  /** What was expected there. */
  readonly expected: number | undefined;
  /** The error that was allowed there. */
  readonly allowed: number | undefined;
  /** The largest |got − expected|; ∞ where one side is not finite and they are not the same. 0 for empty arrays. */
  readonly maxAbsError: number;
  /** Index of the first number with that error; undefined for empty arrays. */
  readonly maxErrorIndex: number | undefined;
  /** The largest error / allowed error: how much of the tolerance was used. 0 where both are 0. */
  readonly maxShare: number;
}

/** Throws ShapeError when the lengths differ: that is no question of tolerance. */
export function compareArrays(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: Tolerance): Comparison {
  if (got.length !== expected.length) {
    throw new ShapeError({
      what: 'Arrays of different lengths cannot be compared.',
      got: `${got.length} numbers`,
      expected: `${expected.length} numbers`,
    });
  }
  const allowedAt = allowance(expected, tolerance);
  let badCount = 0;
  let firstBadIndex: number | undefined;
  let maxAbsError = 0;
  let maxErrorIndex: number | undefined;
  let maxShare = 0;
  for (let index = 0; index < expected.length; index += 1) {
    const error = absoluteError(got[index], expected[index]);
    if (maxErrorIndex === undefined || error > maxAbsError) {
      maxAbsError = error;
      maxErrorIndex = index;
    }
    const allowed = allowedAt(index);
    if (error > 0) maxShare = Math.max(maxShare, Number.isFinite(error) ? error / allowed : error);
    if (Number.isFinite(error) && error <= allowed) continue; // an allowance may overflow to ∞
    badCount += 1;
    firstBadIndex ??= index;
  }
  const at = <T>(value: (index: number) => T) => (firstBadIndex === undefined ? undefined : value(firstBadIndex));
  return {
    ok: badCount === 0,
    count: expected.length,
    badCount,
    firstBadIndex,
    got: at((index) => got[index]),
    expected: at((index) => expected[index]),
    allowed: at(allowedAt),
    maxAbsError,
    maxErrorIndex,
    maxShare,
  };
}

/** One line for a message: the first bad number with what was expected, and the largest error. */
export function formatComparison(comparison: Comparison): string {
  const { ok, count, badCount, firstBadIndex, got, expected, allowed, maxAbsError, maxErrorIndex } = comparison;
  if (count === 0) return 'nothing to compare';
  const largest = `largest error ${maxAbsError} at index ${maxErrorIndex}`;
  if (ok) return `all ${count} within tolerance; ${largest}`;
  const first = `first bad index ${firstBadIndex}: got ${got}, expected ${expected} ± ${allowed}`;
  return `${badCount} of ${count} out of tolerance; ${first}; ${largest}`;
}

/** 0 for the same number, NaN and infinities included; ∞ when they differ and one is not finite. */
function absoluteError(got: number, expected: number): number {
  if (Number.isFinite(got) && Number.isFinite(expected)) return Math.abs(got - expected);
  return Object.is(got, expected) ? 0 : Number.POSITIVE_INFINITY;
}

/** The error allowed at each index. */
function allowance(expected: ArrayLike<number>, tolerance: Tolerance): (index: number) => number {
  const magnitude = (index: number) => (Number.isFinite(expected[index]) ? Math.abs(expected[index]) : 0);
  if ('atol' in tolerance) {
    checkBounds(tolerance.atol, tolerance.rtol);
    return (index) => tolerance.atol + tolerance.rtol * magnitude(index);
  }
  checkBounds(tolerance.relativeToMax);
  let largest = 0;
  for (let index = 0; index < expected.length; index += 1) largest = Math.max(largest, magnitude(index));
  return () => tolerance.relativeToMax * largest;
}

function checkBounds(...bounds: readonly number[]): void {
  if (bounds.every((bound) => Number.isFinite(bound) && bound >= 0)) return;
  throw new InvalidArgumentError({
    what: 'Not a tolerance.',
    got: bounds.join(', '),
    expected: 'finite numbers, not below 0',
  });
}
