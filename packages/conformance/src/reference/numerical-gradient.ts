/**
 * Gradients by central differences, to check a hand-derived backward against: (f(x + ε) − f(x − ε)) / 2ε for each
 * number of x. In float64 with ε = 1e-5 and values around 1, the error is about 1e-10.
 */

import { type NdArray, zeros } from './nd-array.ts';

/** ∂f/∂x for a scalar function. `f` is called with changed copies of `x`. */
export function numericalGradient(f: (x: NdArray) => number, x: NdArray, step = 1e-5): NdArray {
  const gradient = zeros(x.shape);
  for (let i = 0; i < x.data.length; i += 1) {
    const at = (value: number): NdArray => {
      const data = Float64Array.from(x.data);
      data[i] = value;
      return { shape: x.shape, data };
    };
    gradient.data[i] = (f(at(x.data[i] + step)) - f(at(x.data[i] - step))) / (2 * step);
  }
  return gradient;
}
