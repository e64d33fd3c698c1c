/**
 * Matrix multiplication of few rows (decoding): bound by reading B, which is read once and never packed.
 *
 * B stored [columns, inner]: dot products, up to 4 rows of A against 2 rows of B at a time (1 against 4). Narrow rows of B
 * are expanded for several rows of A, converted in registers for one (half-rows.ts, block-scaled.ts).
 * B stored [inner, columns]: 32 columns of out are held in registers while K runs.
 */

import { multiplyRowByBlocks } from './block-scaled';
import { multiplyRowByHalves } from './half-rows';
import { expandRow, rowScales, storageShift } from './storage';
import { madd, sum4 } from './vector';

/** f32 words of scratch per thread for expanded rows of B: 4 rows. */
@inline
export function rowsScratchWords(inner: i32): i32 {
  return 4 * inner;
}

/** Columns [first, last) of out[rows, columns] (+)= scale · A · Bᵀ. */
export function multiplyByDots(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  storage: i32,
  scales: usize,
  scale: f32,
  accumulate: bool,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  if (rows == 1 && storage == 1) {
    multiplyRowByHalves(a, b, out, inner, scale, accumulate, first, last);
    return;
  }
  if (rows == 1 && storage > 1) {
    multiplyRowByBlocks(a, b, scales, out, inner, storage, scale, accumulate, first, last);
    return;
  }
  const rowBytes = (<usize>inner) << 2;
  const storedBytes = (<usize>inner) << storageShift(storage);
  for (let column = first; column < last; column += 4) {
    const count = min(4, last - column);
    let weights = b + <usize>column * storedBytes;
    if (storage != 0) {
      for (let c = 0; c < count; c += 1) {
        const own = rowScales(scales, storage, inner, column + c);
        expandRow(scratch + <usize>c * rowBytes, weights + <usize>c * storedBytes, storage, own, 0, inner);
      }
      weights = scratch;
    }
    const target = out + ((<usize>column) << 2);
    let row = 0;
    if (count == 4) {
      for (; row + 4 <= rows; row += 4) {
        const source = a + <usize>row * rowBytes;
        fourByTwo(source, rowBytes, weights, target, row, columns, inner, scale, accumulate);
        fourByTwo(source, rowBytes, weights + 2 * rowBytes, target + 8, row, columns, inner, scale, accumulate);
      }
      for (; row < rows; row += 1) {
        const at = target + ((<usize>row * <usize>columns) << 2);
        oneByFour(a + <usize>row * rowBytes, weights, rowBytes, at, inner, scale, accumulate);
      }
    } else {
      for (; row < rows; row += 1) {
        for (let c = 0; c < count; c += 1) {
          const at = target + ((<usize>row * <usize>columns + <usize>c) << 2);
          put(at, oneByOne(a + <usize>row * rowBytes, weights + <usize>c * rowBytes, inner), scale, accumulate);
        }
      }
    }
  }
}

@inline
function put(target: usize, value: f32, scale: f32, accumulate: bool): void {
  store<f32>(target, accumulate ? load<f32>(target) + scale * value : scale * value);
}

function oneByOne(a: usize, b: usize, inner: i32): f32 {
  let s = f32x4.splat(0);
  let k = 0;
  for (; k + 4 <= inner; k += 4) {
    const at = (<usize>k) << 2;
    s = madd(v128.load(a + at), v128.load(b + at), s);
  }
  return sum4(s) + tail(a, b, k, inner);
}

/** The elements beyond the last multiple of 4. */
@inline
function tail(a: usize, b: usize, from: i32, inner: i32): f32 {
  let sum: f32 = 0;
  for (let k = from; k < inner; k += 1) {
    const at = (<usize>k) << 2;
    sum += load<f32>(a + at) * load<f32>(b + at);
  }
  return sum;
}

/** One row of A against four of B, eight sums, so that the adders never wait. */
function oneByFour(a: usize, b: usize, rowBytes: usize, out: usize, inner: i32, scale: f32, accumulate: bool): void {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let t0 = f32x4.splat(0);
  let t1 = f32x4.splat(0);
  let t2 = f32x4.splat(0);
  let t3 = f32x4.splat(0);
  const b1 = b + rowBytes;
  const b2 = b1 + rowBytes;
  const b3 = b2 + rowBytes;
  let k = 0;
  for (; k + 8 <= inner; k += 8) {
    const at = (<usize>k) << 2;
    const x = v128.load(a + at);
    s0 = madd(x, v128.load(b + at), s0);
    s1 = madd(x, v128.load(b1 + at), s1);
    s2 = madd(x, v128.load(b2 + at), s2);
    s3 = madd(x, v128.load(b3 + at), s3);
    const y = v128.load(a + at, 16);
    t0 = madd(y, v128.load(b + at, 16), t0);
    t1 = madd(y, v128.load(b1 + at, 16), t1);
    t2 = madd(y, v128.load(b2 + at, 16), t2);
    t3 = madd(y, v128.load(b3 + at, 16), t3);
  }
  put(out, sum4(f32x4.add(s0, t0)) + tail(a, b, k, inner), scale, accumulate);
  put(out + 4, sum4(f32x4.add(s1, t1)) + tail(a, b1, k, inner), scale, accumulate);
  put(out + 8, sum4(f32x4.add(s2, t2)) + tail(a, b2, k, inner), scale, accumulate);
  put(out + 12, sum4(f32x4.add(s3, t3)) + tail(a, b3, k, inner), scale, accumulate);
}

/** Four rows of A against two of B. */
function fourByTwo(
  a: usize,
  rowBytes: usize,
  b: usize,
  out: usize,
  row: i32,
  columns: i32,
  inner: i32,
  scale: f32,
  accumulate: bool,
): void {
  let s00 = f32x4.splat(0);
  let s01 = f32x4.splat(0);
  let s10 = f32x4.splat(0);
  let s11 = f32x4.splat(0);
  let s20 = f32x4.splat(0);
  let s21 = f32x4.splat(0);
  let s30 = f32x4.splat(0);
  let s31 = f32x4.splat(0);
  const a1 = a + rowBytes;
  const a2 = a1 + rowBytes;
  const a3 = a2 + rowBytes;
  const b1 = b + rowBytes;
  let k = 0;
  for (; k + 4 <= inner; k += 4) {
    const at = (<usize>k) << 2;
    const x = v128.load(b + at);
    const y = v128.load(b1 + at);
    const r0 = v128.load(a + at);
    s00 = madd(r0, x, s00);
    s01 = madd(r0, y, s01);
    const r1 = v128.load(a1 + at);
    s10 = madd(r1, x, s10);
    s11 = madd(r1, y, s11);
    const r2 = v128.load(a2 + at);
    s20 = madd(r2, x, s20);
    s21 = madd(r2, y, s21);
    const r3 = v128.load(a3 + at);
    s30 = madd(r3, x, s30);
    s31 = madd(r3, y, s31);
  }
  const rowOut = (<usize>columns) << 2;
  const target = out + <usize>row * rowOut;
  put(target, sum4(s00) + tail(a, b, k, inner), scale, accumulate);
  put(target + 4, sum4(s01) + tail(a, b1, k, inner), scale, accumulate);
  put(target + rowOut, sum4(s10) + tail(a1, b, k, inner), scale, accumulate);
  put(target + rowOut + 4, sum4(s11) + tail(a1, b1, k, inner), scale, accumulate);
  put(target + 2 * rowOut, sum4(s20) + tail(a2, b, k, inner), scale, accumulate);
  put(target + 2 * rowOut + 4, sum4(s21) + tail(a2, b1, k, inner), scale, accumulate);
  put(target + 3 * rowOut, sum4(s30) + tail(a3, b, k, inner), scale, accumulate);
  put(target + 3 * rowOut + 4, sum4(s31) + tail(a3, b1, k, inner), scale, accumulate);
}

/** Columns [first, last) of out[rows, columns] (+)= scale · A · B, f32. */
export function multiplyByColumns(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  scale: f32,
  accumulate: bool,
  first: i32,
  last: i32,
): void {
  const rowBytes = (<usize>columns) << 2;
  const factor = f32x4.splat(scale);
  for (let row = 0; row < rows; row += 1) {
    const source = a + ((<usize>row * <usize>inner) << 2);
    const target = out + <usize>row * rowBytes;
    let column = first;
    for (; column + 16 <= last; column += 16) {
      let c0 = f32x4.splat(0);
      let c1 = f32x4.splat(0);
      let c2 = f32x4.splat(0);
      let c3 = f32x4.splat(0);
      let at = b + ((<usize>column) << 2);
      for (let k = 0; k < inner; k += 1) {
        const x = v128.load32_splat(source + ((<usize>k) << 2));
        c0 = madd(x, v128.load(at), c0);
        c1 = madd(x, v128.load(at, 16), c1);
        c2 = madd(x, v128.load(at, 32), c2);
        c3 = madd(x, v128.load(at, 48), c3);
        at += rowBytes;
      }
      put4(target + ((<usize>column) << 2), f32x4.mul(c0, factor), accumulate);
      put4(target + ((<usize>column) << 2) + 16, f32x4.mul(c1, factor), accumulate);
      put4(target + ((<usize>column) << 2) + 32, f32x4.mul(c2, factor), accumulate);
      put4(target + ((<usize>column) << 2) + 48, f32x4.mul(c3, factor), accumulate);
    }
    for (; column < last; column += 1) {
      let sum: f32 = 0;
      for (let k = 0; k < inner; k += 1) {
        sum += load<f32>(source + ((<usize>k) << 2)) * load<f32>(b + <usize>k * rowBytes + ((<usize>column) << 2));
      }
      put(target + ((<usize>column) << 2), sum, scale, accumulate);
    }
  }
}

@inline
function put4(target: usize, value: v128, accumulate: bool): void {
  v128.store(target, accumulate ? f32x4.add(v128.load(target), value) : value);
}
