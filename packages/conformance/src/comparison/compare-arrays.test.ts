import { InvalidArgumentError, ShapeError } from '@inattention/core';
import { describe, expect, it } from 'vitest';
import { compareArrays, formatComparison } from './compare-arrays.ts';

const loose = { atol: 1, rtol: 1 };
const { NaN: nan, POSITIVE_INFINITY: infinity, NEGATIVE_INFINITY: minusInfinity } = Number;

describe('compareArrays', () => {
  it('accepts what is within atol + rtol · |expected|, and nothing beyond', () => {
    const tolerance = { atol: 0.25, rtol: 0.5 };
    expect(compareArrays([10 + 5.25, -10 - 5.25, 0.25], [10, -10, 0], tolerance).ok).toBe(true);
    expect(compareArrays([10 + 5.26], [10], tolerance).ok).toBe(false);
    expect(compareArrays([-0.26], [0], tolerance).ok).toBe(false);
  });

  it('accepts what is within a share of the largest expected number', () => {
    const expected = [0, 100, -200];
    expect(compareArrays([2, 98, -202], expected, { relativeToMax: 0.01 }).ok).toBe(true);
    expect(compareArrays([2.01, 98, -202], expected, { relativeToMax: 0.01 }).ok).toBe(false);
    expect(compareArrays([0.1], [0], { relativeToMax: 0.5 }).ok).toBe(false); // all zero: exactly zero is asked for
  });

  it('reports the first bad index, what was there, and the largest error', () => {
    const comparison = compareArrays([1, 2.5, 3, 9], [1, 2, 3, 4], { atol: 0.125, rtol: 0 });
    expect(comparison).toEqual({
      ok: false,
      count: 4,
      badCount: 2,
      firstBadIndex: 1,
      got: 2.5,
      expected: 2,
      allowed: 0.125,
      maxAbsError: 5,
      maxErrorIndex: 3,
      maxShare: 40,
    });
    expect(formatComparison(comparison)).toBe(
      '2 of 4 out of tolerance; first bad index 1: got 2.5, expected 2 ± 0.125; largest error 5 at index 3',
    );
    expect(formatComparison(compareArrays([1, 2], [1, 2.5], loose))).toBe(
      'all 2 within tolerance; largest error 0.5 at index 1',
    );
  });

  it.each([
    [nan, 1],
    [1, nan],
    [infinity, nan],
    [nan, infinity],
    [infinity, minusInfinity],
    [minusInfinity, infinity],
    [infinity, 1e308],
    [1e308, infinity],
  ])('never takes %f for %f', (got, expected) => {
    for (const tolerance of [loose, { relativeToMax: 1 }, { atol: 1e300, rtol: 1e300 }]) {
      const comparison = compareArrays([5, got], [5, expected], tolerance);
      expect(comparison.ok).toBe(false);
      expect(comparison.firstBadIndex).toBe(1);
      expect(comparison.maxAbsError).toBe(infinity);
    }
  });

  it.each([nan, infinity, minusInfinity])('takes %f for itself', (value) => {
    for (const tolerance of [loose, { relativeToMax: 0 }, { atol: 0, rtol: 0 }]) {
      expect(compareArrays([value, 0], [value, 0], tolerance).ok).toBe(true);
    }
  });

  it('does not let an infinity widen what the other numbers may be', () => {
    expect(compareArrays([infinity, 2], [infinity, 1], { relativeToMax: 0.5 }).ok).toBe(false);
  });

  it('says when there was nothing to compare', () => {
    expect(compareArrays([], [], loose)).toMatchObject({ ok: true, count: 0, maxErrorIndex: undefined });
    expect(formatComparison(compareArrays([], [], loose))).toBe('nothing to compare');
  });

  it('refuses different lengths and impossible tolerances', () => {
    expect(() => compareArrays([1], [1, 2], loose)).toThrow(ShapeError);
    for (const bound of [nan, infinity, -1]) {
      expect(() => compareArrays([1], [1], { atol: bound, rtol: 0 })).toThrow(InvalidArgumentError);
      expect(() => compareArrays([1], [1], { atol: 0, rtol: bound })).toThrow(InvalidArgumentError);
      expect(() => compareArrays([1], [1], { relativeToMax: bound })).toThrow(InvalidArgumentError);
    }
  });
});
