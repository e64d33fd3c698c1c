/** The logistic function without overflow: only exponentials of what is not positive. */

import type { Elements } from './elements.ts';

/** `fn sigmoid_of(x) -> 1 / (1 + exp(−x))`, for numbers or vectors. */
export function sigmoidOf({ type }: Elements): string {
  return `
fn sigmoid_of(x: ${type}) -> ${type} {
  let e = exp(-abs(x));
  return select(e, ${type}(1.0), x >= ${type}(0.0)) / (1.0 + e);
}`;
}
