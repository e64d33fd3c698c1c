/**
 * Matrix multiplication of many rows, blocked as in Goto & van de Geijn 2008. B is packed into panels of 16 columns, in f32
 * whatever its storage; A is read where it is, or packed when it is transposed. A 2 × 16 register block runs down K.
 *
 * The block's shape is V8's: its scheduler moves all loads of a basic block to the front, so a wider or further unrolled
 * block spills. The never-taken exit between the two steps of the loop keeps them apart (measured: 27 → 40 GFLOP/s).
 */

import { expandRow, rowScales, storageShift } from './storage';
import { madd, setRow } from './vector';

/** Columns of a panel of packed B. */
@inline
export const panelColumns: i32 = 16;
/** Depth of a block. */
const KC: i32 = 512;
/** Columns of B per block: 256 KiB of packed B stay in a second-level cache. */
@inline
export const NC: i32 = 128;
/** Rows of A per block. */
const MC: i32 = 64;

/** f32 words of scratch per thread: packed B, packed A, four expanded rows of B, one edge tile. */
@inline
export const packedScratchWords: i32 = KC * NC + MC * KC + 4 * KC + 2 * panelColumns;

/** Rows [firstRow, lastRow) and columns [firstColumn, lastColumn) of out (+)= scale · op(A) · op(B). */
export function multiplyPacked(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  transposeA: bool,
  transposeB: bool,
  storage: i32,
  scales: usize,
  scale: f32,
  accumulate: bool,
  firstRow: i32,
  lastRow: i32,
  firstColumn: i32,
  lastColumn: i32,
  scratch: usize,
): void {
  const packedB = scratch;
  const packedA = packedB + ((<usize>(KC * NC)) << 2);
  const expanded = packedA + ((<usize>(MC * KC)) << 2);
  const edge = expanded + ((<usize>(4 * KC)) << 2);
  const rowOut = (<usize>columns) << 2;
  for (let column = firstColumn; column < lastColumn; column += NC) {
    const width = min(NC, lastColumn - column);
    for (let k = 0; k < inner; k += KC) {
      const depth = min(KC, inner - k);
      const add = accumulate || k > 0;
      packB(b, packedB, k, depth, column, width, inner, columns, transposeB, storage, scales, expanded);
      for (let row = firstRow; row < lastRow; row += MC) {
        const height = min(MC, lastRow - row);
        let block = a + ((<usize>row * <usize>inner + <usize>k) << 2);
        let rowA = (<usize>inner) << 2;
        if (transposeA) {
          packTransposedA(a, packedA, row, height, k, depth, rows);
          block = packedA;
          rowA = (<usize>depth) << 2;
        }
        const target = out + ((<usize>row * <usize>columns + <usize>column) << 2);
        multiplyBlock(block, rowA, packedB, target, rowOut, height, width, depth, scale, add, edge);
      }
    }
  }
}

function multiplyBlock(
  a: usize,
  rowA: usize,
  packedB: usize,
  out: usize,
  rowOut: usize,
  height: i32,
  width: i32,
  depth: i32,
  scale: f32,
  add: bool,
  edge: usize,
): void {
  for (let column = 0; column < width; column += panelColumns) {
    const panel = packedB + ((<usize>column * <usize>depth) << 2);
    const whole = column + panelColumns <= width;
    for (let row = 0; row < height; row += 2) {
      const source = a + <usize>row * rowA;
      const target = out + <usize>row * rowOut + ((<usize>column) << 2);
      const two = row + 1 < height;
      const into = whole ? target : edge;
      const stride = whole ? rowOut : <usize>panelColumns << 2;
      if (two) twoRows(source, source + rowA, panel, into, stride, depth, scale, add && whole);
      else oneRow(source, panel, into, depth, scale, add && whole);
      if (!whole) copyEdge(edge, target, rowOut, two ? 2 : 1, width - column, add);
    }
  }
}

/** A 2 × 16 block of out (+)= scale · two rows of A · one panel of B. */
function twoRows(
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

/** The same for one row. */
function oneRow(row: usize, panel: usize, out: usize, depth: i32, scale: f32, add: bool): void {
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

/** The first `width` columns of an edge tile into out. */
function copyEdge(edge: usize, out: usize, rowOut: usize, height: i32, width: i32, add: bool): void {
  for (let r = 0; r < height; r += 1) {
    for (let c = 0; c < width; c += 1) {
      const target = out + <usize>r * rowOut + ((<usize>c) << 2);
      const value = load<f32>(edge + ((<usize>(r * panelColumns + c)) << 2));
      store<f32>(target, add ? load<f32>(target) + value : value);
    }
  }
}

/** Rows [row, row + height) of op(A) over [k, k + depth), row-major, from A stored [inner, rows]. */
function packTransposedA(a: usize, packed: usize, row: i32, height: i32, k: i32, depth: i32, rows: i32): void {
  const rowBytes = (<usize>rows) << 2;
  const packedBytes = (<usize>depth) << 2;
  for (let d = 0; d < depth; d += 1) {
    const source = a + <usize>(k + d) * rowBytes + ((<usize>row) << 2);
    let target = packed + ((<usize>d) << 2);
    for (let r = 0; r < height; r += 1) {
      store<f32>(target, load<f32>(source + ((<usize>r) << 2)));
      target += packedBytes;
    }
  }
}

/** Panels of 16 columns of op(B), [K][16], in f32; missing columns are 0. */
function packB(
  b: usize,
  packed: usize,
  k: i32,
  depth: i32,
  column: i32,
  width: i32,
  inner: i32,
  columns: i32,
  transposed: bool,
  storage: i32,
  scales: usize,
  expanded: usize,
): void {
  for (let c = 0; c < width; c += panelColumns) {
    const panel = packed + ((<usize>c * <usize>depth) << 2);
    const present = min(panelColumns, width - c);
    if (present < panelColumns) memory.fill(panel, 0, (<usize>(depth * panelColumns)) << 2);
    if (transposed) packRows(b, panel, k, depth, column + c, present, inner, storage, scales, expanded);
    else packColumns(b, panel, k, depth, column + c, present, columns, storage);
  }
}

/** Columns of B stored [inner, columns]; f32 or f16. */
function packColumns(
  b: usize,
  panel: usize,
  k: i32,
  depth: i32,
  column: i32,
  present: i32,
  columns: i32,
  storage: i32,
): void {
  const shift = storageShift(storage);
  let at = b + ((<usize>k * <usize>columns + <usize>column) << shift);
  const rowBytes = (<usize>columns) << shift;
  for (let d = 0; d < depth; d += 1) {
    const target = panel + ((<usize>(d * panelColumns)) << 2);
    if (storage == 0 && present == panelColumns) {
      v128.store(target, v128.load(at));
      v128.store(target, v128.load(at, 16), 16);
      v128.store(target, v128.load(at, 32), 32);
      v128.store(target, v128.load(at, 48), 48);
    } else {
      setRow(target, at, storage == 1, present);
    }
    at += rowBytes;
  }
}

/** Columns of B stored as rows [columns, inner]: transposed four by four. */
function packRows(
  b: usize,
  panel: usize,
  k: i32,
  depth: i32,
  column: i32,
  present: i32,
  inner: i32,
  storage: i32,
  scales: usize,
  expanded: usize,
): void {
  const shift = storageShift(storage);
  const rowBytes = (<usize>inner) << shift;
  for (let c = 0; c < present; c += 4) {
    let base = b + <usize>(column + c) * rowBytes + ((<usize>k) << shift);
    let stride = rowBytes;
    const count = min(4, present - c);
    if (storage != 0) {
      stride = (<usize>KC) << 2;
      for (let r = 0; r < count; r += 1) {
        const own = rowScales(scales, storage, inner, column + c + r);
        expandRow(expanded + <usize>r * stride, base + <usize>r * rowBytes, storage, own, k, depth);
      }
      base = expanded;
    }
    transposeRows(base, stride, count, panel + ((<usize>c) << 2), depth);
  }
}

/** Up to four rows of floats into columns of a panel. */
@inline
function transposeRows(rows: usize, stride: usize, count: i32, panel: usize, depth: i32): void {
  let d = 0;
  if (count == 4) {
    for (; d + 4 <= depth; d += 4) {
      const at = rows + ((<usize>d) << 2);
      const r0 = v128.load(at);
      const r1 = v128.load(at + stride);
      const r2 = v128.load(at + 2 * stride);
      const r3 = v128.load(at + 3 * stride);
      const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      const target = panel + ((<usize>(d * panelColumns)) << 2);
      v128.store(target, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
      v128.store(target, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), 64);
      v128.store(target, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), 128);
      v128.store(target, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), 192);
    }
  }
  for (; d < depth; d += 1) {
    const target = panel + ((<usize>(d * panelColumns)) << 2);
    for (let r = 0; r < count; r += 1) {
      store<f32>(target + ((<usize>r) << 2), load<f32>(rows + <usize>r * stride + ((<usize>d) << 2)));
    }
  }
}
