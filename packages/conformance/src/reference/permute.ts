/** Reordering axes. */

import { InvalidArgumentError } from '@inattention/core';
import { type NdArray, zeros } from './nd-array.ts';

/** The array with its axes in the order `axes`: axis k of the result is axis axes[k] of `x`. */
export function permute(x: NdArray, axes: readonly number[]): NdArray {
  const rank = x.shape.length;
  if (axes.length !== rank || !x.shape.every((_, axis) => axes.includes(axis))) {
    throw new InvalidArgumentError({
      what: 'Not an order of the axes.',
      got: `[${axes.join(', ')}]`,
      expected: `each of 0 … ${rank - 1} once`,
    });
  }
  const strides = x.shape.map((_, axis) => x.shape.slice(axis + 1).reduce((product, length) => product * length, 1));
  const out = zeros(axes.map((axis) => x.shape[axis]));
  for (let i = 0; i < out.data.length; i += 1) {
    let rest = i;
    let source = 0;
    for (let k = rank - 1; k >= 0; k -= 1) {
      source += (rest % out.shape[k]) * strides[axes[k]];
      rest = Math.floor(rest / out.shape[k]);
    }
    out.data[i] = x.data[source];
  }
  return out;
}
