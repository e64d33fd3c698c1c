/**
 * y = x Wᵀ: every projection of the decoder. Weights are stored output × input, as in the files.
 *
 *     x [n, I]   W [O, I]   y [n, O]
 *     y_no = Σ_i W_oi x_ni        dx_ni = Σ_o W_oi dy_no        dW_oi = Σ_n dy_no x_ni
 */

import { expectShape, type NdArray, zeros } from './nd-array.ts';

export function linearForward(x: NdArray, weight: NdArray): NdArray {
  const [outputs, inputs] = weight.shape;
  expectShape(x, [null, inputs], 'The input of a linear map');
  const rows = x.shape[0];
  const out = zeros([rows, outputs]);
  for (let n = 0; n < rows; n += 1) {
    for (let o = 0; o < outputs; o += 1) {
      let total = 0;
      for (let i = 0; i < inputs; i += 1) total += weight.data[o * inputs + i] * x.data[n * inputs + i];
      out.data[n * outputs + o] = total;
    }
  }
  return out;
}

export function linearBackward(
  x: NdArray,
  weight: NdArray,
  gradOut: NdArray,
): { readonly gradInput: NdArray; readonly gradWeight: NdArray } {
  const [outputs, inputs] = weight.shape;
  const rows = x.shape[0];
  expectShape(gradOut, [rows, outputs], 'The gradient of a linear map');
  const gradInput = zeros(x.shape);
  const gradWeight = zeros(weight.shape);
  for (let n = 0; n < rows; n += 1) {
    for (let o = 0; o < outputs; o += 1) {
      const gradient = gradOut.data[n * outputs + o];
      for (let i = 0; i < inputs; i += 1) {
        gradInput.data[n * inputs + i] += weight.data[o * inputs + i] * gradient;
        gradWeight.data[o * inputs + i] += gradient * x.data[n * inputs + i];
      }
    }
  }
  return { gradInput, gradWeight };
}
