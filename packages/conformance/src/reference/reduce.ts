/** Sums and maxima over one axis, which disappears from the shape. */

import { InvalidArgumentError } from '@inattention/core';
import { elementCount, type NdArray, zeros } from './nd-array.ts';

/** Sum over `axis`; 0 over an empty one. */
export function sum(x: NdArray, axis: number): NdArray {
  return reduce(x, axis, 0, (total, value) => total + value);
}

/** Maximum over `axis`; −∞ over an empty one. */
export function max(x: NdArray, axis: number): NdArray {
  return reduce(x, axis, Number.NEGATIVE_INFINITY, Math.max);
}

function reduce(x: NdArray, axis: number, start: number, f: (total: number, value: number) => number): NdArray {
  if (!Number.isInteger(axis) || axis < 0 || axis >= x.shape.length) {
    throw new InvalidArgumentError({
      what: 'A reduction over an axis that is not there.',
      got: String(axis),
      expected: `an axis of [${x.shape.join(', ')}]`,
    });
  }
  const outer = elementCount(x.shape.slice(0, axis));
  const length = x.shape[axis];
  const inner = elementCount(x.shape.slice(axis + 1));
  const out = zeros([...x.shape.slice(0, axis), ...x.shape.slice(axis + 1)]);
  for (let o = 0; o < outer; o += 1) {
    for (let i = 0; i < inner; i += 1) {
      let total = start;
      for (let a = 0; a < length; a += 1) total = f(total, x.data[(o * length + a) * inner + i]);
      out.data[o * inner + i] = total;
    }
  }
  return out;
}
