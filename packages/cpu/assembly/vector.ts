/**
 * What kernels share: f32x4 arithmetic on rows of floats, the exponential, and half-precision conversion.
 *
 * Every function is inlined; lengths need not be multiples of 4 (tails are scalar), pointers need not be aligned.
 */

/** a · b + c; rounded once where the engine has relaxed SIMD and the hardware fuses. */
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(c, f32x4.mul(a, b));
}

/**
 * Constants of the exponential, in memory: loading one takes one instruction, making one from immediates takes three, in
 * every turn of a loop.
 */
const constants: usize = memory.data<f32>([
  1.4426950408889634, // 1 / ln 2
  12582912.0, // 1.5 · 2²³: adding it rounds to a whole number, which is then in the low bits
  0.693359375, // ln 2, in two parts (Cody–Waite)
  -2.1219444e-4,
  1.98756915e-4, // the polynomial, from degree 7 down
  1.3981999507e-3,
  8.3334519073e-3,
  4.1665795894e-2,
  1.6666665459e-1,
  5.0000001201e-1,
  1.0,
  -87.33654, // e^x is 0 below, infinite above
  88.72283,
  1.53533707e-4, // 2^f for |f| ≤ ½, from degree 6 down; degree 0 is 1
  1.3398875e-3,
  9.6184369e-3,
  5.5503324e-2,
  2.4022648e-1,
  6.9314718e-1,
  -127, // 2^y is 0 from here down
]);

@inline
export function constant(place: usize): v128 {
  return v128.load32_splat(constants + (place << 2));
}

/** e^r for |r| ≤ ln 2 / 2 by a polynomial of degree 7 (Cephes expf), about 1 ulp. */
@inline
function expReduced4(r: v128): v128 {
  let p = madd(constant(4), r, constant(5));
  p = madd(p, r, constant(6));
  p = madd(p, r, constant(7));
  p = madd(p, r, constant(8));
  p = madd(p, r, constant(9));
  return f32x4.add(madd(f32x4.mul(p, r), r, r), constant(10));
}

/** x − n ln 2. */
@inline
function reduce4(x: v128, n: v128): v128 {
  return f32x4.sub(f32x4.sub(x, f32x4.mul(n, constant(2))), f32x4.mul(n, constant(3)));
}

/** e^x for four numbers. */
@inline
export function exp4(x: v128): v128 {
  const clamped = f32x4.pmin(f32x4.pmax(x, constant(11)), constant(12));
  const rounder = constant(1);
  const rounded = f32x4.add(f32x4.mul(clamped, constant(0)), rounder);
  let p = expReduced4(reduce4(clamped, f32x4.sub(rounded, rounder)));
  // 2^n in two factors, so that n = 128 does not overflow before the product does.
  const n = i32x4.sub(rounded, rounder);
  const half = i32x4.shr_s(n, 1);
  const bias = i32x4.splat(127);
  p = f32x4.mul(p, i32x4.shl(i32x4.add(half, bias), 23));
  p = f32x4.mul(p, i32x4.shl(i32x4.add(i32x4.sub(n, half), bias), 23));
  // Below the range: 0. Above it: infinity. NaN compares false and stays.
  p = v128.andnot(p, f32x4.lt(x, constant(11)));
  return v128.bitselect(f32x4.splat(Infinity), p, f32x4.gt(x, constant(12)));
}

/** e^x for one number. */
@inline
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/** The sum of four lanes. */
@inline
export function sum4(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}

/** The largest of four lanes. */
@inline
export function max4(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/** Σ a[i] b[i], with four independent accumulators. */
@inline
export function dot(a: usize, b: usize, length: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let i = 0;
  for (; i + 16 <= length; i += 16) {
    const at = (<usize>i) << 2;
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a + at), v128.load(b + at)));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(a + at, 16), v128.load(b + at, 16)));
    s2 = f32x4.add(s2, f32x4.mul(v128.load(a + at, 32), v128.load(b + at, 32)));
    s3 = f32x4.add(s3, f32x4.mul(v128.load(a + at, 48), v128.load(b + at, 48)));
  }
  for (; i + 4 <= length; i += 4) {
    const at = (<usize>i) << 2;
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  }
  let sum = sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  for (; i < length; i += 1) {
    const at = (<usize>i) << 2;
    sum += load<f32>(a + at) * load<f32>(b + at);
  }
  return sum;
}

/** out[i] += factor · x[i]. */
@inline
export function addScaled(out: usize, x: usize, factor: f32, length: i32): void {
  const factors = f32x4.splat(factor);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const at = (<usize>i) << 2;
    v128.store(out + at, f32x4.add(v128.load(out + at), f32x4.mul(factors, v128.load(x + at))));
  }
  for (; i < length; i += 1) {
    const at = (<usize>i) << 2;
    store<f32>(out + at, load<f32>(out + at) + factor * load<f32>(x + at));
  }
}

/** out[i] = factor · x[i]. */
@inline
export function scaleInto(out: usize, x: usize, factor: f32, length: i32): void {
  const factors = f32x4.splat(factor);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const at = (<usize>i) << 2;
    v128.store(out + at, f32x4.mul(factors, v128.load(x + at)));
  }
  for (; i < length; i += 1) {
    const at = (<usize>i) << 2;
    store<f32>(out + at, factor * load<f32>(x + at));
  }
}

/** Four halves (as u32 lanes) to floats: shift into place, rescale by 2^112; infinities and NaN get their exponent. */
@inline
export function halves4(bits: v128): v128 {
  const magnitude = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  const scaled = f32x4.mul(magnitude, f32x4.splat(5.192296858534828e33));
  const special = i32x4.ge_s(magnitude, i32x4.splat(0x7c00 << 13));
  const value = v128.or(scaled, v128.and(special, i32x4.splat(0x7f800000)));
  return v128.or(value, i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16));
}

@inline
export function loadHalf(pointer: usize): f32 {
  return f32x4.extract_lane(halves4(i32x4.splat(<i32>load<u16>(pointer))), 0);
}

/** Rounds to the nearest half, ties to even; too large becomes infinity. */
export function toHalf(value: f32): u16 {
  const bits = reinterpret<u32>(value);
  const sign = <u16>((bits >>> 16) & 0x8000);
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal or zero: adding 0.5 leaves the rounded half in the low bits.
    const shifted = reinterpret<f32>(magnitude) + <f32>0.5;
    return sign | <u16>(reinterpret<u32>(shifted) - 0x3f000000);
  }
  const odd = (magnitude >>> 13) & 1;
  return sign | <u16>((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

/** Writes a row to out, from f32 or f16 storage. (memory.copy is a call into the engine: too slow for short rows.) */
@inline
export function setRow(out: usize, row: usize, half: bool, length: i32): void {
  let i = 0;
  if (half) {
    for (; i + 4 <= length; i += 4) {
      v128.store(out + ((<usize>i) << 2), halves4(v128.load_ext<u16>(row + ((<usize>i) << 1))));
    }
    for (; i < length; i += 1) store<f32>(out + ((<usize>i) << 2), loadHalf(row + ((<usize>i) << 1)));
    return;
  }
  for (; i + 4 <= length; i += 4) v128.store(out + ((<usize>i) << 2), v128.load(row + ((<usize>i) << 2)));
  for (; i < length; i += 1) store<f32>(out + ((<usize>i) << 2), load<f32>(row + ((<usize>i) << 2)));
}

/** Adds a row to out, from f32 or f16 storage. */
@inline
export function addRow(out: usize, row: usize, half: bool, length: i32): void {
  if (!half) {
    addScaled(out, row, 1, length);
    return;
  }
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const at = out + ((<usize>i) << 2);
    v128.store(at, f32x4.add(v128.load(at), halves4(v128.load_ext<u16>(row + ((<usize>i) << 1)))));
  }
  for (; i < length; i += 1) {
    const at = out + ((<usize>i) << 2);
    store<f32>(at, load<f32>(at) + loadHalf(row + ((<usize>i) << 1)));
  }
}
