/**
 * The gain of a norm applied to context states, which are normalised once for all layers: y = g ⊙ x̂.
 *
 *     x̂ [n, D]   g [D]        y_nd = g_d x̂_nd        dx̂_nd = g_d dy_nd        dg_d = Σ_n dy_nd x̂_nd
 */

import { expectShape, type NdArray, zeros } from './nd-array.ts';

export function gainForward(x: NdArray, gain: NdArray): NdArray {
  const [rows, size] = x.shape;
  expectShape(gain, [size], 'A gain');
  const out = zeros(x.shape);
  for (let n = 0; n < rows; n += 1) {
    for (let d = 0; d < size; d += 1) out.data[n * size + d] = gain.data[d] * x.data[n * size + d];
  }
  return out;
}

export function gainBackward(
  x: NdArray,
  gain: NdArray,
  gradOut: NdArray,
): { readonly gradInput: NdArray; readonly gradGain: NdArray } {
  const [rows, size] = x.shape;
  expectShape(gradOut, x.shape, 'The gradient of a gain');
  const gradInput = zeros(x.shape);
  const gradGain = zeros(gain.shape);
  for (let n = 0; n < rows; n += 1) {
    for (let d = 0; d < size; d += 1) {
      gradInput.data[n * size + d] = gain.data[d] * gradOut.data[n * size + d];
      gradGain.data[d] += gradOut.data[n * size + d] * x.data[n * size + d];
    }
  }
  return { gradInput, gradGain };
}
