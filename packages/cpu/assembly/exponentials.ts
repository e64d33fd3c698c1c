/**
 * Exponentials of rows: exp(number − shift), where no number exceeds `shift` by more than rounding. About 1 ulp where the
 * result is not tiny, 0 below e^−88; NaN stays NaN. Rows end at a multiple of four.
 */

import { constant, madd, sum4 } from './vector';

/**
 * exp(numbers − shifts): 2^y by a polynomial of degree 6 on |f| ≤ ½ (relative error 2e-8 before rounding). Constants are
 * loaded before the loops: ten of them, the sum and what is under way fill the registers, so that two vectors at a time
 * would spill.
 */
@inline
function exponential(
  numbers: v128,
  shifts: v128,
  log2e: v128,
  rounder: v128,
  least: v128,
  one: v128,
  c6: v128,
  c5: v128,
  c4: v128,
  c3: v128,
  c2: v128,
  c1: v128,
): v128 {
  const y = f32x4.pmax(f32x4.mul(f32x4.sub(numbers, shifts), log2e), least);
  const rounded = f32x4.add(y, rounder);
  const f = f32x4.sub(y, f32x4.sub(rounded, rounder));
  let p = madd(c6, f, c5);
  p = madd(p, f, c4);
  p = madd(p, f, c3);
  p = madd(p, f, c2);
  p = madd(p, f, c1);
  p = madd(p, f, one);
  // n is in the low bits of `rounded`; shifted into the exponent it multiplies by 2^n, and −127 makes it 0.
  return f32x4.mul(p, i32x4.add(i32x4.shl(rounded, 23), one));
}

/** Numbers from `row` up to `end` into exponentials, in place. Returns their sum. */
export function exponentials(row: usize, end: usize, shift: f32): f32 {
  const shifts = f32x4.splat(shift);
  const log2e = constant(0);
  const rounder = constant(1);
  const one = constant(10);
  const c6 = constant(13);
  const c5 = constant(14);
  const c4 = constant(15);
  const c3 = constant(16);
  const c2 = constant(17);
  const c1 = constant(18);
  const least = constant(19);
  let sum = f32x4.splat(0);
  for (let at = row; at < end; at += 16) {
    const p = exponential(v128.load(at), shifts, log2e, rounder, least, one, c6, c5, c4, c3, c2, c1);
    v128.store(at, p);
    sum = f32x4.add(sum, p);
  }
  return sum4(sum);
}

/** The sum of the exponentials alone. */
export function sumExponentials(row: usize, end: usize, shift: f32): f32 {
  const shifts = f32x4.splat(shift);
  const log2e = constant(0);
  const rounder = constant(1);
  const one = constant(10);
  const c6 = constant(13);
  const c5 = constant(14);
  const c4 = constant(15);
  const c3 = constant(16);
  const c2 = constant(17);
  const c1 = constant(18);
  const least = constant(19);
  let sum = f32x4.splat(0);
  for (let at = row; at < end; at += 16) {
    sum = f32x4.add(sum, exponential(v128.load(at), shifts, log2e, rounder, least, one, c6, c5, c4, c3, c2, c1));
  }
  return sum4(sum);
}

/** Writes factor · exponentials to `out`, which may be `row`. */
export function scaledExponentials(row: usize, end: usize, out: usize, shift: f32, factor: f32): void {
  const shifts = f32x4.splat(shift);
  const log2e = constant(0);
  const rounder = constant(1);
  const one = constant(10);
  const c6 = constant(13);
  const c5 = constant(14);
  const c4 = constant(15);
  const c3 = constant(16);
  const c2 = constant(17);
  const c1 = constant(18);
  const least = constant(19);
  const factors = f32x4.splat(factor);
  let target = out;
  for (let at = row; at < end; at += 16) {
    const p = exponential(v128.load(at), shifts, log2e, rounder, least, one, c6, c5, c4, c3, c2, c1);
    v128.store(target, f32x4.mul(p, factors));
    target += 16;
  }
}
