/**
 * Rows of activations rounded to 16 bits in blocks of 32, as products with q4_1 and q8_0 weights take them:
 *
 *     d = max|x| / 32767,   q = x · (32767 / max|x|) to nearest, ties to even,   s = d · Σ q
 *
 * That is ggml's Q8_1 with 16 bits instead of 8: the multiply-add of 128-bit vectors takes 16-bit integers either way.
 *
 * A block is 80 bytes: four vectors of 16-bit integers, then d and s in f32. For q8_0 the vectors are in the order of the
 * elements; for q4_1 they are elements 0 2 … 14, 16 18 … 30, 1 3 … 15, 17 19 … 31, which is how pairs of 4 bits come out of
 * 16-bit lanes by shifts alone. A block below 2⁻¹⁰⁰ is 0; one with an infinity or NaN has d = NaN.
 */

import { max4 } from './vector';

/** Elements of a block. */
export const blockLength: i32 = 32;

/** Bytes of a rounded block. */
@inline
export const activationBytes: usize = 80;

/** Of d and s in a rounded block. */
@inline
export const scaleOffset: usize = 64;
@inline
export const sumOffset: usize = 68;

/** Rounds `blocks` blocks, one after the other, from f32 at `input`; `pairs`: for weights of q4_1. */
export function roundActivations(input: usize, out: usize, blocks: i32, pairs: bool): void {
  let x = input;
  let target = out;
  for (let block = 0; block < blocks; block += 1) {
    roundBlock(x, target, pairs);
    x += <usize>blockLength << 2;
    target += activationBytes;
  }
}

function roundBlock(x: usize, out: usize, pairs: bool): void {
  let largest = f32x4.abs(v128.load(x));
  for (let at: usize = 16; at < 128; at += 16) largest = f32x4.max(largest, f32x4.abs(v128.load(x + at)));
  const most = max4(largest);
  const zero = most < 7.888609052210118e-31; // 2^-100
  const inverse = f32x4.splat(zero ? 0 : 32767 / most);
  const scale: f32 = zero ? 0 : most < Infinity ? most / 32767 : NaN;
  const q0 = eight(x, inverse);
  const q1 = eight(x + 32, inverse);
  const q2 = eight(x + 64, inverse);
  const q3 = eight(x + 96, inverse);
  v128.store(out, pairs ? even(q0, q1) : q0);
  v128.store(out, pairs ? even(q2, q3) : q1, 16);
  v128.store(out, pairs ? odd(q0, q1) : q2, 32);
  v128.store(out, pairs ? odd(q2, q3) : q3, 48);
  const one = i16x8.splat(1);
  const sums = i32x4.add(
    i32x4.add(i32x4.dot_i16x8_s(q0, one), i32x4.dot_i16x8_s(q1, one)),
    i32x4.add(i32x4.dot_i16x8_s(q2, one), i32x4.dot_i16x8_s(q3, one)),
  );
  const sum =
    i32x4.extract_lane(sums, 0) +
    i32x4.extract_lane(sums, 1) +
    (i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3));
  store<f32>(out + scaleOffset, scale);
  store<f32>(out + sumOffset, scale * <f32>sum);
}

/** Eight numbers times `inverse`, rounded. */
@inline
function eight(x: usize, inverse: v128): v128 {
  return i16x8.narrow_i32x4_s(
    i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x), inverse))),
    i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x, 16), inverse))),
  );
}

/** The elements of even places among sixteen. */
@inline
function even(first: v128, second: v128): v128 {
  return v128.shuffle<i16>(first, second, 0, 2, 4, 6, 8, 10, 12, 14);
}

/** Those of odd places. */
@inline
function odd(first: v128, second: v128): v128 {
  return v128.shuffle<i16>(first, second, 1, 3, 5, 7, 9, 11, 13, 15);
}
