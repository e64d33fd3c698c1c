/**
 * Rotary positions (Su et al., arXiv 2104.09864) in the rotate-half layout of Llama checkpoints: components c and
 * c + C/2 of a head are the two coordinates of a point, turned by the angle position · θ^(−2c/C).
 *
 *     y_c       = x_c cos − x_{c+C/2} sin
 *     y_{c+C/2} = x_{c+C/2} cos + x_c sin
 *
 * A rotation is orthogonal, so its backward is the rotation by the negative angle. Scaled frequencies, and what YaRN
 * multiplies by besides, come as a `Turning`.
 */

import { InvalidArgumentError } from '@inattention/core';
import { expectShape, type NdArray, zeros } from './nd-array.ts';
import type { Turning } from './rope-scaling.ts';

/** θ, or how each pair turns. */
export type Rope = number | Turning;

/** Rotates x [n, heads, C]; row i stands at positions[i]. */
export function ropeForward(x: NdArray, positions: ArrayLike<number>, theta: Rope): NdArray {
  return rotate(x, positions, theta, 1);
}

/** The gradient of the input of ropeForward; also its inverse, where nothing is multiplied besides. */
export function ropeBackward(gradOut: NdArray, positions: ArrayLike<number>, theta: Rope): NdArray {
  return rotate(gradOut, positions, theta, -1);
}

/** The angle by which pair `c` of a head of `headDim` components is turned at `position`, in radians. */
export function ropeAngle(position: number, c: number, headDim: number, theta: number): number {
  return position * theta ** ((-2 * c) / headDim);
}

function rotate(x: NdArray, positions: ArrayLike<number>, rope: Rope, direction: 1 | -1): NdArray {
  expectShape(x, [positions.length, null, null], 'Heads to rotate');
  const [rows, heads, headDim] = x.shape;
  if (headDim % 2 !== 0) {
    throw new InvalidArgumentError({
      what: 'Rotary positions need pairs.',
      got: `head size ${headDim}`,
      expected: 'an even one',
    });
  }
  const half = headDim / 2;
  const amplitude = typeof rope === 'number' ? 1 : rope.amplitude;
  const out = zeros(x.shape);
  for (let n = 0; n < rows; n += 1) {
    for (let c = 0; c < half; c += 1) {
      const angle =
        typeof rope === 'number'
          ? direction * ropeAngle(positions[n], c, headDim, rope)
          : direction * positions[n] * rope.frequencies[c];
      const cos = amplitude * Math.cos(angle);
      const sin = amplitude * Math.sin(angle);
      for (let h = 0; h < heads; h += 1) {
        const at = (n * heads + h) * headDim + c;
        out.data[at] = x.data[at] * cos - x.data[at + half] * sin;
        out.data[at + half] = x.data[at + half] * cos + x.data[at] * sin;
      }
    }
  }
  return out;
}
