/**
 * The 2 × 16 block of sums, kept in registers, that matrix products and tiled attention are made of: two rows of A against a
 * panel, which is 16 columns of B side by side, [K][16]. Also how rows become columns of a panel.
 *
 * The block's shape is V8's: its scheduler moves all loads of a basic block to the front, so a wider or further unrolled
 * block spills. The never-taken exit between the two steps of the loop keeps them apart (measured: 27 → 40 GFLOP/s).
 */

import { madd } from './vector';

/** Columns of a panel of packed B. */
@inline
export const panelColumns: i32 = 16;

/** A 2 × 16 block of out (+)= scale · two rows of A · one panel of B; rows of out are `rowOut` bytes apart. */
export function twoRows(
  row0: usize,
  row1: usize,
  panel: usize,
  out: usize,
  rowOut: usize,
  depth: i32,
  scale: f32,
  add: bool,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c02 = f32x4.splat(0);
  let c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c12 = f32x4.splat(0);
  let c13 = f32x4.splat(0);
  let pa = row0;
  let qa = row1;
  let pb = panel;
  const end = row0 + ((<usize>(depth & ~1)) << 2);
  while (pa < end) {
    const b00 = v128.load(pb);
    const b01 = v128.load(pb, 16);
    const b02 = v128.load(pb, 32);
    const b03 = v128.load(pb, 48);
    const a00 = v128.load32_splat(pa);
    const a01 = v128.load32_splat(qa);
    c00 = madd(a00, b00, c00);
    c01 = madd(a00, b01, c01);
    c02 = madd(a00, b02, c02);
    c03 = madd(a00, b03, c03);
    c10 = madd(a01, b00, c10);
    c11 = madd(a01, b01, c11);
    c12 = madd(a01, b02, c12);
    c13 = madd(a01, b03, c13);
    if (pa == 1) break; // never: see the head of this file
    const b10 = v128.load(pb, 64);
    const b11 = v128.load(pb, 80);
    const b12 = v128.load(pb, 96);
    const b13 = v128.load(pb, 112);
    const a10 = v128.load32_splat(pa, 4);
    const a11 = v128.load32_splat(qa, 4);
    c00 = madd(a10, b10, c00);
    c01 = madd(a10, b11, c01);
    c02 = madd(a10, b12, c02);
    c03 = madd(a10, b13, c03);
    c10 = madd(a11, b10, c10);
    c11 = madd(a11, b11, c11);
    c12 = madd(a11, b12, c12);
    c13 = madd(a11, b13, c13);
    pa += 8;
    qa += 8;
    pb += 128;
  }
  put16(out, c00, c01, c02, c03, scale, add);
  put16(out + rowOut, c10, c11, c12, c13, scale, add);
  if (depth & 1) {
    const last = (<usize>(depth - 1)) << 2;
    const lastB = panel + (last << 4);
    oneRow(row0 + last, lastB, out, 1, scale, true);
    oneRow(row1 + last, lastB, out + rowOut, 1, scale, true);
  }
}

/**
 * The same for two neighbouring columns of A, which lies transposed, [K][…], its rows `stride` bytes apart: nothing is packed
 * to turn it.
 */
export function twoColumns(
  a: usize,
  stride: usize,
  panel: usize,
  out: usize,
  rowOut: usize,
  depth: i32,
  scale: f32,
  add: bool,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c02 = f32x4.splat(0);
  let c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c12 = f32x4.splat(0);
  let c13 = f32x4.splat(0);
  let pa = a;
  let pb = panel;
  const end = panel + ((<usize>(depth & ~1)) << 6);
  while (pb < end) {
    const b00 = v128.load(pb);
    const b01 = v128.load(pb, 16);
    const b02 = v128.load(pb, 32);
    const b03 = v128.load(pb, 48);
    const a00 = v128.load32_splat(pa);
    const a01 = v128.load32_splat(pa, 4);
    c00 = madd(a00, b00, c00);
    c01 = madd(a00, b01, c01);
    c02 = madd(a00, b02, c02);
    c03 = madd(a00, b03, c03);
    c10 = madd(a01, b00, c10);
    c11 = madd(a01, b01, c11);
    c12 = madd(a01, b02, c12);
    c13 = madd(a01, b03, c13);
    pa += stride;
    if (pb == 1) break; // never: see the head of this file
    const b10 = v128.load(pb, 64);
    const b11 = v128.load(pb, 80);
    const b12 = v128.load(pb, 96);
    const b13 = v128.load(pb, 112);
    const a10 = v128.load32_splat(pa);
    const a11 = v128.load32_splat(pa, 4);
    c00 = madd(a10, b10, c00);
    c01 = madd(a10, b11, c01);
    c02 = madd(a10, b12, c02);
    c03 = madd(a10, b13, c03);
    c10 = madd(a11, b10, c10);
    c11 = madd(a11, b11, c11);
    c12 = madd(a11, b12, c12);
    c13 = madd(a11, b13, c13);
    pa += stride;
    pb += 128;
  }
  put16(out, c00, c01, c02, c03, scale, add);
  put16(out + rowOut, c10, c11, c12, c13, scale, add);
  if (depth & 1) {
    oneRow(pa, pb, out, 1, scale, true);
    oneRow(pa + 4, pb, out + rowOut, 1, scale, true);
  }
}

/** As `twoRows`, for one row. */
export function oneRow(row: usize, panel: usize, out: usize, depth: i32, scale: f32, add: bool): void {
  let c0 = f32x4.splat(0);
  let c1 = f32x4.splat(0);
  let c2 = f32x4.splat(0);
  let c3 = f32x4.splat(0);
  let pb = panel;
  for (let k = 0; k < depth; k += 1) {
    const a = v128.load32_splat(row + ((<usize>k) << 2));
    c0 = madd(a, v128.load(pb), c0);
    c1 = madd(a, v128.load(pb, 16), c1);
    c2 = madd(a, v128.load(pb, 32), c2);
    c3 = madd(a, v128.load(pb, 48), c3);
    pb += 64;
  }
  put16(out, c0, c1, c2, c3, scale, add);
}

@inline
function put16(target: usize, c0: v128, c1: v128, c2: v128, c3: v128, scale: f32, add: bool): void {
  const factor = f32x4.splat(scale);
  let r0 = f32x4.mul(c0, factor);
  let r1 = f32x4.mul(c1, factor);
  let r2 = f32x4.mul(c2, factor);
  let r3 = f32x4.mul(c3, factor);
  if (add) {
    r0 = f32x4.add(r0, v128.load(target));
    r1 = f32x4.add(r1, v128.load(target, 16));
    r2 = f32x4.add(r2, v128.load(target, 32));
    r3 = f32x4.add(r3, v128.load(target, 48));
  }
  v128.store(target, r0);
  v128.store(target, r1, 16);
  v128.store(target, r2, 32);
  v128.store(target, r3, 48);
}

/** Four floats of each of four rows, transposed into rows `stride` bytes apart. */
@inline
export function transposeSquare(row0: usize, row1: usize, row2: usize, row3: usize, target: usize, stride: usize): void {
  const r0 = v128.load(row0);
  const r1 = v128.load(row1);
  const r2 = v128.load(row2);
  const r3 = v128.load(row3);
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
  v128.store(target + stride, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
  v128.store(target + 2 * stride, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
  v128.store(target + 3 * stride, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
}

/** Four rows of floats as four columns of a panel. */
@inline
export function transposeFour(row0: usize, row1: usize, row2: usize, row3: usize, panel: usize, depth: i32): void {
  const bytes = (<usize>depth) << 2;
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) {
    transposeSquare(row0 + at, row1 + at, row2 + at, row3 + at, panel + (at << 4), 64);
  }
  for (; at < bytes; at += 4) {
    const target = panel + (at << 4);
    store<f32>(target, load<f32>(row0 + at));
    store<f32>(target, load<f32>(row1 + at), 4);
    store<f32>(target, load<f32>(row2 + at), 8);
    store<f32>(target, load<f32>(row3 + at), 12);
  }
}

/** One row of floats as a column of a panel. */
@inline
export function transposeRow(row: usize, panel: usize, depth: i32): void {
  for (let d: usize = 0; d < <usize>depth; d += 1) store<f32>(panel + (d << 6), load<f32>(row + (d << 2)));
}
