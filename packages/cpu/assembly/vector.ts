/**
 * What kernels share: f32x4 arithmetic on rows of floats, the exponential, and half-precision conversion.
 *
 * Every function is inlined; lengths need not be multiples of 4 (tails are scalar), pointers need not be aligned.
 */

/** e^x for four numbers: range reduction by ln 2 and a degree-6 polynomial (Cephes expf), about 1 ulp. */
@inline
export function exp4(x: v128): v128 {
  const clamped = f32x4.min(f32x4.max(x, f32x4.splat(-87.33654)), f32x4.splat(88.72283));
  const n = f32x4.nearest(f32x4.mul(clamped, f32x4.splat(1.4426950408889634)));
  // Cody–Waite: ln 2 in two parts.
  let r = f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r), f32x4.splat(1.0));
  // 2^n in two factors, so that n = 128 does not overflow before the product does.
  const half = i32x4.shr_s(i32x4.trunc_sat_f32x4_s(n), 1);
  const rest = i32x4.sub(i32x4.trunc_sat_f32x4_s(n), half);
  const bias = i32x4.splat(127);
  p = f32x4.mul(p, i32x4.shl(i32x4.add(half, bias), 23));
  p = f32x4.mul(p, i32x4.shl(i32x4.add(rest, bias), 23));
  // Below the range: 0. Above it: infinity. NaN compares false and stays.
  p = v128.andnot(p, f32x4.lt(x, f32x4.splat(-87.33654)));
  return v128.bitselect(f32x4.splat(Infinity), p, f32x4.gt(x, f32x4.splat(88.72283)));
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
