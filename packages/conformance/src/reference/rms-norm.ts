/**
 * Root-mean-square normalisation (Zhang & Sennrich, arXiv 1910.07467), with a gain or without.
 *
 *     x [n, D]   g [D] (ones when null)
 *     r_n = 1 / √(mean_d x_nd² + ε)        y_nd = g_d r_n x_nd
 *
 * Backward, with z = g ⊙ dy: ∂r_n/∂x_nd = −r_n³ x_nd / D, so
 *
 *     dx_nd = r_n z_nd − x_nd r_n³ / D · Σ_c z_nc x_nc        dg_d = Σ_n dy_nd r_n x_nd
 */

import { expectShape, type NdArray, zeros } from './nd-array.ts';

export interface RmsNormResult {
  /** [n, D] */
  readonly out: NdArray;
  /** r, [n] */
  readonly inverseRms: NdArray;
}

export function rmsNormForward(x: NdArray, weight: NdArray | null, epsilon: number): RmsNormResult {
  const [rows, size] = checkNorm(x, weight);
  const out = zeros(x.shape);
  const inverseRms = zeros([rows]);
  for (let n = 0; n < rows; n += 1) {
    let squares = 0;
    for (let d = 0; d < size; d += 1) squares += x.data[n * size + d] ** 2;
    const r = 1 / Math.sqrt(squares / size + epsilon);
    inverseRms.data[n] = r;
    for (let d = 0; d < size; d += 1) out.data[n * size + d] = (weight?.data[d] ?? 1) * r * x.data[n * size + d];
  }
  return { out, inverseRms };
}

/** `gradWeight` is null exactly when `weight` is. */
export function rmsNormBackward(
  x: NdArray,
  weight: NdArray | null,
  epsilon: number,
  gradOut: NdArray,
): { readonly gradInput: NdArray; readonly gradWeight: NdArray | null } {
  const [rows, size] = checkNorm(x, weight);
  expectShape(gradOut, x.shape, 'The gradient of a norm');
  const { inverseRms } = rmsNormForward(x, weight, epsilon);
  const gradInput = zeros(x.shape);
  const gradWeight = weight === null ? null : zeros(weight.shape);
  for (let n = 0; n < rows; n += 1) {
    const r = inverseRms.data[n];
    let projection = 0; // Σ_c z_nc x_nc
    for (let c = 0; c < size; c += 1) {
      projection += (weight?.data[c] ?? 1) * gradOut.data[n * size + c] * x.data[n * size + c];
    }
    for (let d = 0; d < size; d += 1) {
      const input = x.data[n * size + d];
      const gradient = gradOut.data[n * size + d];
      gradInput.data[n * size + d] = r * (weight?.data[d] ?? 1) * gradient - (input * r ** 3 * projection) / size;
      if (gradWeight !== null) gradWeight.data[d] += gradient * r * input;
    }
  }
  return { gradInput, gradWeight };
}

function checkNorm(x: NdArray, weight: NdArray | null): readonly [number, number] {
  expectShape(x, [null, null], 'The input of a norm');
  if (weight !== null) expectShape(weight, [x.shape[1]], 'The gain of a norm');
  return [x.shape[0], x.shape[1]];
}
