/**
 * Matrix multiplication of many rows, blocked as in Goto & van de Geijn 2008. B is packed into panels of 16 columns, in f32
 * whatever its storage; A is read where it is, or packed by pairs of rows when it is transposed. A 2 × 16 register block runs
 * down K.
 */

import { oneRow, panelColumns, transposeFour, transposeRow, twoColumns, twoRows } from './register-block';
import { expandRow, rowScales, storageShift } from './storage';
import { setRow } from './vector';

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
        const target = out + ((<usize>row * <usize>columns + <usize>column) << 2);
        if (transposeA) {
          packTransposedA(a, packedA, row, height, k, depth, rows);
          multiplyPairs(packedA, packedB, target, rowOut, height, width, depth, scale, add, edge);
        } else {
          const block = a + ((<usize>row * <usize>inner + <usize>k) << 2);
          multiplyBlock(block, (<usize>inner) << 2, packedB, target, rowOut, height, width, depth, scale, add, edge);
        }
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

/** As `multiplyBlock`, of rows packed two by two. */
function multiplyPairs(
  packedA: usize,
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
  const edgeRow = (<usize>panelColumns) << 2;
  for (let column = 0; column < width; column += panelColumns) {
    const panel = packedB + ((<usize>column * <usize>depth) << 2);
    const present = min(panelColumns, width - column);
    for (let row = 0; row < height; row += 2) {
      const source = packedA + ((<usize>row * <usize>depth) << 2);
      const target = out + <usize>row * rowOut + ((<usize>column) << 2);
      const count = min(2, height - row);
      if (present == panelColumns && count == 2) {
        twoColumns(source, 8, panel, target, rowOut, depth, scale, add);
      } else {
        twoColumns(source, 8, panel, edge, edgeRow, depth, scale, false);
        copyEdge(edge, target, rowOut, count, present, add);
      }
    }
  }
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

/**
 * Rows [row, row + height) of op(A) over [k, k + depth), from A stored [inner, rows]: two by two, [height / 2][depth][2], as
 * `twoColumns` reads them. The row after an odd last one is 0.
 */
function packTransposedA(a: usize, packed: usize, row: i32, height: i32, k: i32, depth: i32, rows: i32): void {
  const rowBytes = (<usize>rows) << 2;
  const pairBytes = (<usize>depth) << 3;
  const pairs = <usize>(height >> 1);
  const source = a + <usize>k * rowBytes + ((<usize>row) << 2);
  let d = 0;
  for (; d + 4 <= depth; d += 4) {
    let from = source + <usize>d * rowBytes;
    let into = packed + ((<usize>d) << 3);
    for (const end = from + (pairs << 3); from < end; from += 8) {
      store<u64>(into, load<u64>(from));
      store<u64>(into, load<u64>(from + rowBytes), 8);
      store<u64>(into, load<u64>(from + 2 * rowBytes), 16);
      store<u64>(into, load<u64>(from + 3 * rowBytes), 24);
      into += pairBytes;
    }
  }
  for (; d < depth; d += 1) {
    const from = source + <usize>d * rowBytes;
    const into = packed + ((<usize>d) << 3);
    for (let p: usize = 0; p < pairs; p += 1) store<u64>(into + p * pairBytes, load<u64>(from + (p << 3)));
  }
  if (height & 1) {
    const from = source + ((<usize>(height - 1)) << 2);
    const into = packed + pairs * pairBytes;
    for (d = 0; d < depth; d += 1) store<u64>(into + ((<usize>d) << 3), <u64>load<u32>(from + <usize>d * rowBytes));
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
    const target = panel + ((<usize>c) << 2);
    if (count == 4) transposeFour(base, base + stride, base + 2 * stride, base + 3 * stride, target, depth);
    else for (let r = 0; r < count; r += 1) transposeRow(base + <usize>r * stride, target + ((<usize>r) << 2), depth);
  }
}
