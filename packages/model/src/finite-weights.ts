/** Weights that are no numbers are refused by name. */

import { NonFiniteError } from '@inattention/core';

/** Throws NonFiniteError for infinities and NaN. */
export function checkFinite(name: string, data: Float32Array): void {
  for (let i = 0; i < data.length; i += 1) {
    if (!Number.isFinite(data[i])) throw notFinite(name, String(data[i]), i);
  }
}

/** The error for a value of a weight that is no number. */
export function notFinite(name: string, value: string, index: number): NonFiniteError {
  return new NonFiniteError({
    what: `The weight "${name}" holds a value that is not a number.`,
    got: `${value} at element ${index}`,
    expected: 'finite numbers',
    fix: 'the file is damaged or its training diverged: use another checkpoint',
  });
}
