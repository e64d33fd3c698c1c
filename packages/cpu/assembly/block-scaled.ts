/**
 * Weights in blocks of i8: along a row, each run of `blockLength` elements (a multiple of 16) has an f32 scale; a row of
 * `inner` elements (a multiple of 4) has ceil(inner / blockLength) of them. number = scale · element.
 *
 * Rows are expanded to f32 where many rows of A use them. For one row of A (decoding) integers are converted in registers,
 * multiplied and added up, and a block's sum takes the scale once. Measured on rows of 768, out of cache, one thread: 5.1
 * elements/ns in general, 5.7 for blocks of 32 at a time, f32 weights 3.4.
 */

import { madd, sum4 } from './vector';

/** Four floats of the low four of eight 16-bit integers. */
@inline
function lowFloats(integers: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(integers));
}

/** Four floats of the high four. */
@inline
function highFloats(integers: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(integers));
}

/** Four floats of four bytes. */
@inline
function fourFloats(bytes: usize): v128 {
  return lowFloats(i16x8.extend_low_i8x16_s(v128.load32_zero(bytes)));
}

/** Bytes of the scales of a row. */
@inline
export function rowScaleBytes(inner: i32, blockLength: i32): usize {
  return <usize>((inner + blockLength - 1) / blockLength) << 2;
}

/**
 * Elements [first, first + length) of a row as f32 into `out`, added to what is there with `add`. `elements` points to the
 * first of them, `scales` to the row's. `first` and `length` are multiples of 4.
 */
export function expandBlocks(
  out: usize,
  elements: usize,
  scales: usize,
  first: i32,
  length: i32,
  blockLength: i32,
  add: bool,
): void {
  const last = first + length;
  let bytes = elements;
  let target = out;
  let k = first;
  while (k < last) {
    const block = k / blockLength;
    const end = min(last, (block + 1) * blockLength);
    const scale = v128.load32_splat(scales + (<usize>block << 2));
    for (; k + 16 <= end; k += 16) {
      const low = v128.load_ext<i8>(bytes);
      const high = v128.load_ext<i8>(bytes, 8);
      put(target, f32x4.mul(lowFloats(low), scale), add);
      put(target + 16, f32x4.mul(highFloats(low), scale), add);
      put(target + 32, f32x4.mul(lowFloats(high), scale), add);
      put(target + 48, f32x4.mul(highFloats(high), scale), add);
      bytes += 16;
      target += 64;
    }
    for (; k < end; k += 4) {
      put(target, f32x4.mul(fourFloats(bytes), scale), add);
      bytes += 4;
      target += 16;
    }
  }
}

@inline
function put(target: usize, value: v128, add: bool): void {
  v128.store(target, add ? f32x4.add(v128.load(target), value) : value);
}

/** out[n] (+)= scale · a · b[n] for columns n in [first, last), b stored [columns, inner] in blocks: one row of A. */
export function multiplyRowByBlocks(
  a: usize,
  b: usize,
  scales: usize,
  out: usize,
  inner: i32,
  blockLength: i32,
  scale: f32,
  accumulate: bool,
  first: i32,
  last: i32,
): void {
  const scaleBytes = rowScaleBytes(inner, blockLength);
  for (let column = first; column < last; column += 1) {
    const row = b + <usize>column * <usize>inner;
    const target = out + (<usize>column << 2);
    const value = scale * dotBlocks(a, row, scales + <usize>column * scaleBytes, inner, blockLength);
    store<f32>(target, accumulate ? load<f32>(target) + value : value);
  }
}

/** Σ a[k] · row[k]. */
function dotBlocks(a: usize, row: usize, scales: usize, inner: i32, blockLength: i32): f32 {
  let t0 = f32x4.splat(0);
  let t1 = f32x4.splat(0);
  let x = a;
  let bytes = row;
  let block = scales;
  const end = row + <usize>inner;
  const whole = blockLength == 32 ? row + <usize>(inner & ~31) : row;
  while (bytes < whole) {
    const low = v128.load_ext<i8>(bytes);
    const high = v128.load_ext<i8>(bytes, 8);
    let s0 = f32x4.mul(v128.load(x), lowFloats(low));
    let s1 = f32x4.mul(v128.load(x, 16), highFloats(low));
    let s2 = f32x4.mul(v128.load(x, 32), lowFloats(high));
    let s3 = f32x4.mul(v128.load(x, 48), highFloats(high));
    if (x == 1) break; // never: keeps the engine from moving all loads to the front, as in matmul-packed.ts
    const nextLow = v128.load_ext<i8>(bytes, 16);
    const nextHigh = v128.load_ext<i8>(bytes, 24);
    s0 = madd(v128.load(x, 64), lowFloats(nextLow), s0);
    s1 = madd(v128.load(x, 80), highFloats(nextLow), s1);
    s2 = madd(v128.load(x, 96), lowFloats(nextHigh), s2);
    s3 = madd(v128.load(x, 112), highFloats(nextHigh), s3);
    const scale = v128.load32_splat(block);
    t0 = madd(scale, f32x4.add(s0, s1), t0);
    t1 = madd(scale, f32x4.add(s2, s3), t1);
    x += 128;
    bytes += 32;
    block += 4;
  }
  while (bytes < end) {
    const blockEnd = min(end, bytes + <usize>blockLength);
    let even = f32x4.splat(0);
    let odd = f32x4.splat(0);
    for (; bytes + 16 <= blockEnd; bytes += 16) {
      const low = v128.load_ext<i8>(bytes);
      const high = v128.load_ext<i8>(bytes, 8);
      even = madd(v128.load(x), lowFloats(low), even);
      odd = madd(v128.load(x, 16), highFloats(low), odd);
      even = madd(v128.load(x, 32), lowFloats(high), even);
      odd = madd(v128.load(x, 48), highFloats(high), odd);
      x += 64;
    }
    for (; bytes < blockEnd; bytes += 4) {
      even = madd(v128.load(x), fourFloats(bytes), even);
      x += 16;
    }
    t0 = madd(v128.load32_splat(block), f32x4.add(even, odd), t0);
    block += 4;
  }
  return sum4(f32x4.add(t0, t1));
}
