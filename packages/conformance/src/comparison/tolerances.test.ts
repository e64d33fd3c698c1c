import { InvalidArgumentError } from '@inattention/core';
import { describe, expect, it } from 'vitest';
import { compareArrays } from './compare-arrays.ts';
import { toleranceFor, tolerances } from './tolerances.ts';

const keyOf = (operation: string, dtype: string, backend: string) => `${operation} ${dtype} ${backend}`;

describe('the tolerance table', () => {
  it('has one rule per operation, dtype and backend, each with a reason', () => {
    const keys = tolerances.map(({ operation, dtype, backend }) => keyOf(operation, dtype, backend));
    expect(new Set(keys).size).toBe(keys.length);
    for (const { reason } of tolerances) expect(reason).toMatch(/^\S.{5,}\.$/);
  });

  it('has a rule for every backend wherever one backend has its own, and an f32 rule for every operation', () => {
    const keys = new Set(tolerances.map(({ operation, dtype, backend }) => keyOf(operation, dtype, backend)));
    for (const { operation, dtype } of tolerances) {
      expect(keys).toContain(keyOf(operation, dtype, '*'));
      expect(keys).toContain(keyOf(operation, 'f32', '*'));
    }
  });

  it('holds tolerances that comparison accepts', () => {
    for (const { tolerance } of tolerances) expect(compareArrays([0], [0], tolerance).ok).toBe(true);
  });

  it("prefers a backend's own rule", () => {
    expect(toleranceFor('divide', 'f32', 'webgpu')).toEqual({ atol: 2 ** -126, rtol: 2.5 * 2 ** -23 });
    expect(toleranceFor('divide', 'f32', 'somebody else')).toEqual({ atol: 2 ** -126, rtol: 2 ** -24 });
  });

  it('has no tolerance for what nobody wrote down', () => {
    expect(() => toleranceFor('adamw', 'f16', 'cpu')).toThrow(InvalidArgumentError);
  });
});
