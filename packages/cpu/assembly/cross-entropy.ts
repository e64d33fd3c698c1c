/** Cross-entropy of rows of logits [n, V]: nll = logSumExp − logit of the target. Sums of exponentials run in f64. */

import { exp1, exp4, max4 } from './vector';

export function crossEntropy(
  logits: usize,
  targets: usize,
  nll: usize,
  logSumExp: usize,
  rows: i32,
  width: i32,
): void {
  for (let r = 0; r < rows; r += 1) {
    const row = logits + ((<usize>r * <usize>width) << 2);
    const largest = maximum(row, width);
    let sum: f64 = 0;
    const shift = f32x4.splat(largest);
    let i = 0;
    for (; i + 4 <= width; i += 4) {
      const e = exp4(f32x4.sub(v128.load(row + ((<usize>i) << 2)), shift));
      const pairs = f64x2.add(f64x2.promote_low_f32x4(e), f64x2.promote_low_f32x4(v128.shuffle<u64>(e, e, 1, 0)));
      sum += f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1);
    }
    for (; i < width; i += 1) sum += <f64>exp1(load<f32>(row + ((<usize>i) << 2)) - largest);
    const total = <f32>(<f64>largest + Math.log(sum));
    const at = (<usize>r) << 2;
    const target = load<i32>(targets + at);
    store<f32>(logSumExp + at, total);
    store<f32>(nll + at, total - load<f32>(row + ((<usize>target) << 2)));
  }
}

@inline
function maximum(row: usize, width: i32): f32 {
  let largest = load<f32>(row);
  let i = 0;
  if (width >= 4) {
    let lanes = v128.load(row);
    for (i = 4; i + 4 <= width; i += 4) lanes = f32x4.max(lanes, v128.load(row + ((<usize>i) << 2)));
    largest = max4(lanes);
  }
  for (; i < width; i += 1) largest = max(largest, load<f32>(row + ((<usize>i) << 2)));
  return largest;
}

/** gradLogits = gradNll · (softmax − onehot(target)). */
export function crossEntropyBackward(
  logits: usize,
  targets: usize,
  logSumExp: usize,
  gradNll: usize,
  gradLogits: usize,
  rows: i32,
  width: i32,
): void {
  for (let r = 0; r < rows; r += 1) {
    const offset = (<usize>r * <usize>width) << 2;
    const at = (<usize>r) << 2;
    const total = load<f32>(logSumExp + at);
    const factor = load<f32>(gradNll + at);
    const shift = f32x4.splat(total);
    const factors = f32x4.splat(factor);
    let i = 0;
    for (; i + 4 <= width; i += 4) {
      const place = offset + ((<usize>i) << 2);
      const softmax = exp4(f32x4.sub(v128.load(logits + place), shift));
      v128.store(gradLogits + place, f32x4.mul(softmax, factors));
    }
    for (; i < width; i += 1) {
      const place = offset + ((<usize>i) << 2);
      store<f32>(gradLogits + place, exp1(load<f32>(logits + place) - total) * factor);
    }
    const target = gradLogits + offset + ((<usize>load<i32>(targets + at)) << 2);
    store<f32>(target, load<f32>(target) - factor);
  }
}
