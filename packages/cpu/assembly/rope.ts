/** Rotary position embedding of [n, heads, C] by positions [n]. `scratch`: C floats. */

import { anglesAt, rotate } from './angles';

export function rope(
  input: usize,
  positions: usize,
  fine: usize,
  coarse: usize,
  fineLength: i32,
  out: usize,
  rows: i32,
  heads: i32,
  headDim: i32,
  inverse: bool,
  scratch: usize,
): void {
  const sign: f32 = inverse ? -1 : 1;
  for (let r = 0; r < rows; r += 1) {
    anglesAt(scratch, load<i32>(positions + ((<usize>r) << 2)), fine, coarse, fineLength, headDim);
    for (let h = 0; h < heads; h += 1) {
      const at = ((<usize>r * <usize>heads + <usize>h) * <usize>headDim) << 2;
      rotate(out + at, input + at, scratch, headDim, sign);
    }
  }
}
