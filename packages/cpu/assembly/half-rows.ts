/**
 * One row of A (decoding) against f16 weights stored [columns, inner]: halves are converted in registers on the way.
 *
 * A finite half becomes a float by moving its bits into place and multiplying by 2¹¹²; infinities and NaN would not. So
 * the largest magnitude of a row is kept beside the sum, and a row that has one of those is computed again with care.
 * Measured on rows of 768, out of cache, one thread, in elements/ns: 4.4; expanded to scratch first 2.4; two rows at a time
 * 3.3; without the check 5.0; f32 weights 3.5.
 */

import { halves4, loadHalf, madd, sum4 } from './vector';

/** out[n] (+)= scale · a · b[n] for columns n in [first, last), b stored [columns, inner] in f16. */
export function multiplyRowByHalves(
  a: usize,
  b: usize,
  out: usize,
  inner: i32,
  scale: f32,
  accumulate: bool,
  first: i32,
  last: i32,
): void {
  for (let column = first; column < last; column += 1) {
    const target = out + ((<usize>column) << 2);
    const value = scale * dotHalves(a, b + ((<usize>column * <usize>inner) << 1), inner);
    store<f32>(target, accumulate ? load<f32>(target) + value : value);
  }
}

/** Four finite halves as floats: sign and magnitude moved into place, then rescaled. */
@inline
function finiteFloats(halves: usize, mask: v128, factor: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(v128.load_ext<i16>(halves), 13), mask), factor);
}

/** The larger magnitudes, as integers, of what was seen and of eight halves. */
@inline
function largerMagnitudes(seen: v128, halves: usize, magnitude: v128): v128 {
  return i16x8.max_s(seen, v128.and(v128.load(halves), magnitude));
}

/** Σ a[k] · row[k]. */
@inline
function dotHalves(a: usize, row: usize, inner: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  // Constants live outside the loop: the engine does not move them there.
  const mask = i32x4.splat(<i32>0x8fffe000);
  const factor = f32x4.splat(5.192296858534828e33);
  const magnitude = i16x8.splat(0x7fff);
  let largest = i16x8.splat(0);
  let x = a;
  let halves = row;
  const whole = inner & ~15;
  const end = row + (<usize>whole << 1);
  while (halves < end) {
    largest = largerMagnitudes(largest, halves, magnitude);
    s0 = madd(v128.load(x), finiteFloats(halves, mask, factor), s0);
    s1 = madd(v128.load(x, 16), finiteFloats(halves + 8, mask, factor), s1);
    if (x == 1) break; // never: keeps the engine from moving all loads to the front, as in matmul-packed.ts
    largest = largerMagnitudes(largest, halves + 16, magnitude);
    s2 = madd(v128.load(x, 32), finiteFloats(halves + 16, mask, factor), s2);
    s3 = madd(v128.load(x, 48), finiteFloats(halves + 24, mask, factor), s3);
    x += 64;
    halves += 32;
  }
  if (v128.any_true(i16x8.ge_s(largest, i16x8.splat(0x7c00)))) return dotAnyHalves(a, row, inner);
  return sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))) + tail(a, row, whole, inner);
}

/** The same where halves may be infinite or NaN. */
function dotAnyHalves(a: usize, row: usize, inner: i32): f32 {
  let sum = f32x4.splat(0);
  let k = 0;
  for (; k + 4 <= inner; k += 4) {
    const halves = v128.load_ext<u16>(row + ((<usize>k) << 1));
    sum = madd(v128.load(a + ((<usize>k) << 2)), halves4(halves), sum);
  }
  return sum4(sum) + tail(a, row, k, inner);
}

/** The elements from `from` on. */
function tail(a: usize, row: usize, from: i32, inner: i32): f32 {
  let sum: f32 = 0;
  for (let k = from; k < inner; k += 1) sum += load<f32>(a + ((<usize>k) << 2)) * loadHalf(row + ((<usize>k) << 1));
  return sum;
}
