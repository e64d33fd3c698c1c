/** Logits and attention weights once they are on the host: rows of a matrix, and the check that they are numbers. */

import { NonFiniteError } from '@inattention/core';

/** [rows · n] to rows arrays [n]. */
export function splitRows(data: Float32Array, rows: number): Float32Array[] {
  const width = data.length / rows;
  return Array.from({ length: rows }, (_, row) => data.slice(row * width, (row + 1) * width));
}

/** Throws NonFiniteError unless every logit is finite; `position` is the one they were computed at. */
export function checkLogits(logits: Float32Array, position: number): void {
  let sum = 0; // 0 · x is 0 for every finite x and NaN for every other: no call per logit
  for (let id = 0; id < logits.length; id += 1) sum += 0 * (logits[id] as number);
  if (sum !== 0) throw nonFinite('The logits', position);
}

export function nonFinite(what: 'The logits' | 'The loss', position: number): NonFiniteError {
  return new NonFiniteError({
    what: `${what} at position ${position} ${what === 'The logits' ? 'are' : 'is'} not finite.`,
    fix: 'check the weights (NaN, infinities or overflow); in f16 contexts try f32',
  });
}
