/**
 * y = x Wᵀ + b: every projection of the decoder. Weights are stored output × input, as in the files; b may be left out.
 *
 *     x [n, I]   W [O, I]   b [O]   y [n, O]
 *     y_no = b_o + Σ_i W_oi x_ni     dx_ni = Σ_o W_oi dy_no     dW_oi = Σ_n dy_no x_ni     db_o = Σ_n dy_no
 */

import { expectShape, type NdArray, zeros } from './nd-array.ts';

export function linearForward(x: NdArray, weight: NdArray, bias?: NdArray): NdArray {
  const [outputs, inputs] = weight.shape;
  expectShape(x, [null, inputs], 'The input of a linear map');
  const rows = x.shape[0];
  const out = zeros([rows, outputs]);
  for (let n = 0; n < rows; n += 1) {
    for (let o = 0; o < outputs; o += 1) {
      let total = bias?.data[o] ?? 0;
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
): { readonly gradInput: NdArray; readonly gradWeight: NdArray; readonly gradBias: NdArray } {
  const [outputs, inputs] = weight.shape;
  const rows = x.shape[0];
  expectShape(gradOut, [rows, outputs], 'The gradient of a linear map');
  const gradInput = zeros(x.shape);
  const gradWeight = zeros(weight.shape);
  const gradBias = zeros([outputs]);
  for (let n = 0; n < rows; n += 1) {
    for (let o = 0; o < outputs; o += 1) {
      const gradient = gradOut.data[n * outputs + o];
      gradBias.data[o] += gradient;
      for (let i = 0; i < inputs; i += 1) {
        gradInput.data[n * inputs + i] += weight.data[o * inputs + i] * gradient;
        gradWeight.data[o * inputs + i] += gradient * x.data[n * inputs + i];
      }
    }
  }
  return { gradInput, gradWeight, gradBias };
}
