/** Test support: how work ends, and whether logits agree. */

import { InAttentionError } from '@inattention/core';
import type { ContextDType } from '@inattention/core/math';
import { expect } from 'vitest';

/** The code of the error that work ends with, or 'done'. */
export async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    if (InAttentionError.isInstance(error)) return error.code;
    throw error;
  }
}

/** Within the error of a few layers, as a share of the largest logit; f16 contexts round keys and values. */
export function expectClose(got: Float32Array, expected: Float32Array, dtype: ContextDType): void {
  const largest = expected.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
  const worst = expected.reduce((most, logit, id) => Math.max(most, Math.abs(logit - (got[id] as number))), 0);
  expect(worst / largest).toBeLessThan(dtype === 'f32' ? 1e-4 : 2e-2);
}
