/**
 * Matrix multiplication, f32, with B in f32 or f16.
 *
 * Many rows: the classic blocked algorithm (Goto & van de Geijn 2008): A is packed into panels of 4 rows, B into panels
 * of 8 columns (transposes and f16 are dealt with while packing), and a 4 × 8 register block runs down K. Blocks are
 * MC × KC and KC × NC, so scratch is constant. Few rows against Bᵀ (decoding): rows of B are streamed once, no packing.
 */

import { addScaled, dot, halves4, loadHalf } from './vector';

/** Rows of A per block; a multiple of 4. */
const MC: i32 = 128;
/** Depth of a block. */
const KC: i32 = 256;
/** Columns of B per block; a multiple of 8. */
const NC: i32 = 512;

/** Bytes of scratch the kernel needs: packed A, packed B, one edge tile, one converted row. */
export function matmulScratchBytes(): i32 {
  return (MC * KC + KC * NC + 32) * 4;
}

export function matmul(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  transposeA: bool,
  transposeB: bool,
  half: bool,
  scale: f32,
  accumulate: bool,
  scratch: usize,
): void {
  if (!accumulate && inner == 0) {
    memory.fill(out, 0, (<usize>rows * <usize>columns) << 2);
    return;
  }
  if (rows < 4 && transposeB && !half && (!transposeA || rows == 1)) {
    rowsByStreaming(a, b, out, rows, columns, inner, scale, accumulate);
    return;
  }
  if (rows == 1 && !transposeB && !half) {
    rowByAdding(a, b, out, columns, inner, scale, accumulate);
    return;
  }
  blocked(a, b, out, rows, columns, inner, transposeA, transposeB, half, scale, accumulate, scratch);
}

/** out[r, n] (+)= scale · a[r] · b[n], one pass over B. */
function rowsByStreaming(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  scale: f32,
  accumulate: bool,
): void {
  const rowBytes = (<usize>inner) << 2;
  for (let n = 0; n < columns; n += 1) {
    const weights = b + <usize>n * rowBytes;
    for (let r = 0; r < rows; r += 1) {
      const target = out + ((<usize>r * <usize>columns + <usize>n) << 2);
      const value = scale * dot(a + <usize>r * rowBytes, weights, inner);
      store<f32>(target, accumulate ? load<f32>(target) + value : value);
    }
  }
}

/** out[0, :] (+)= scale · Σ_k a[k] b[k, :]. */
function rowByAdding(
  a: usize,
  b: usize,
  out: usize,
  columns: i32,
  inner: i32,
  scale: f32,
  accumulate: bool,
): void {
  if (!accumulate) memory.fill(out, 0, (<usize>columns) << 2);
  for (let k = 0; k < inner; k += 1) {
    const row = b + ((<usize>k * <usize>columns) << 2);
    addScaled(out, row, scale * load<f32>(a + ((<usize>k) << 2)), columns);
  }
}

function blocked(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  transposeA: bool,
  transposeB: bool,
  half: bool,
  scale: f32,
  accumulate: bool,
  scratch: usize,
): void {
  const packedA = scratch;
  const packedB = packedA + MC * KC * 4;
  const edge = packedB + KC * NC * 4;
  for (let firstColumn = 0; firstColumn < columns; firstColumn += NC) {
    const blockColumns = min(NC, columns - firstColumn);
    for (let firstInner = 0; firstInner < inner; firstInner += KC) {
      const depth = min(KC, inner - firstInner);
      const add = accumulate || firstInner > 0;
      packB(b, packedB, firstInner, depth, firstColumn, blockColumns, inner, columns, transposeB, half);
      for (let firstRow = 0; firstRow < rows; firstRow += MC) {
        const blockRows = min(MC, rows - firstRow);
        packA(a, packedA, firstRow, blockRows, firstInner, depth, inner, rows, transposeA, scale);
        for (let column = 0; column < blockColumns; column += 8) {
          const panelB = packedB + ((<usize>column * <usize>depth) << 2);
          const width = min(8, blockColumns - column);
          for (let row = 0; row < blockRows; row += 4) {
            const panelA = packedA + ((<usize>row * <usize>depth) << 2);
            const height = min(4, blockRows - row);
            const target =
              out + (((<usize>(firstRow + row)) * <usize>columns + <usize>(firstColumn + column)) << 2);
            if (width == 8 && height == 4) tile(panelA, panelB, target, <usize>columns << 2, depth, add);
            else edgeTile(panelA, panelB, edge, target, columns, depth, height, width, add);
          }
        }
      }
    }
  }
}

/** A 4 × 8 block of out: (+)= panelA · panelB over `depth`. */
@inline
function tile(panelA: usize, panelB: usize, out: usize, rowBytes: usize, depth: i32, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const end = panelA + ((<usize>depth) << 4);
  let pa = panelA;
  let pb = panelB;
  while (pa < end) {
    const b0 = v128.load(pb);
    const b1 = v128.load(pb, 16);
    const a0 = v128.load32_splat(pa);
    c00 = f32x4.add(c00, f32x4.mul(a0, b0));
    c01 = f32x4.add(c01, f32x4.mul(a0, b1));
    const a1 = v128.load32_splat(pa, 4);
    c10 = f32x4.add(c10, f32x4.mul(a1, b0));
    c11 = f32x4.add(c11, f32x4.mul(a1, b1));
    const a2 = v128.load32_splat(pa, 8);
    c20 = f32x4.add(c20, f32x4.mul(a2, b0));
    c21 = f32x4.add(c21, f32x4.mul(a2, b1));
    const a3 = v128.load32_splat(pa, 12);
    c30 = f32x4.add(c30, f32x4.mul(a3, b0));
    c31 = f32x4.add(c31, f32x4.mul(a3, b1));
    pa += 16;
    pb += 32;
  }
  put(out, c00, c01, add);
  put(out + rowBytes, c10, c11, add);
  put(out + 2 * rowBytes, c20, c21, add);
  put(out + 3 * rowBytes, c30, c31, add);
}

@inline
function put(target: usize, low: v128, high: v128, add: bool): void {
  if (add) {
    v128.store(target, f32x4.add(v128.load(target), low));
    v128.store(target, f32x4.add(v128.load(target, 16), high), 16);
  } else {
    v128.store(target, low);
    v128.store(target, high, 16);
  }
}

/** A block smaller than 4 × 8, through a whole tile in scratch. */
function edgeTile(
  panelA: usize,
  panelB: usize,
  edge: usize,
  out: usize,
  columns: i32,
  depth: i32,
  height: i32,
  width: i32,
  add: bool,
): void {
  tile(panelA, panelB, edge, 32, depth, false);
  for (let r = 0; r < height; r += 1) {
    for (let c = 0; c < width; c += 1) {
      const target = out + ((<usize>r * <usize>columns + <usize>c) << 2);
      const value = load<f32>(edge + ((<usize>(r * 8 + c)) << 2));
      store<f32>(target, add ? load<f32>(target) + value : value);
    }
  }
}

/** Panels of 4 rows of op(A), [K][4], times scale; missing rows are 0. */
function packA(
  a: usize,
  packed: usize,
  firstRow: i32,
  blockRows: i32,
  firstInner: i32,
  depth: i32,
  inner: i32,
  rows: i32,
  transposed: bool,
  scale: f32,
): void {
  const rowStride = (transposed ? <usize>1 : <usize>inner) << 2;
  const innerStride = (transposed ? <usize>rows : <usize>1) << 2;
  let target = packed;
  for (let row = 0; row < blockRows; row += 4) {
    const base = a + <usize>(firstRow + row) * rowStride + <usize>firstInner * innerStride;
    if (row + 4 <= blockRows) {
      for (let k = 0; k < depth; k += 1) {
        const at = base + <usize>k * innerStride;
        store<f32>(target, scale * load<f32>(at));
        store<f32>(target, scale * load<f32>(at + rowStride), 4);
        store<f32>(target, scale * load<f32>(at + 2 * rowStride), 8);
        store<f32>(target, scale * load<f32>(at + 3 * rowStride), 12);
        target += 16;
      }
    } else {
      for (let k = 0; k < depth; k += 1) {
        for (let r = 0; r < 4; r += 1) {
          const inside = row + r < blockRows;
          const value = inside ? scale * load<f32>(base + <usize>r * rowStride + <usize>k * innerStride) : <f32>0;
          store<f32>(target, value);
          target += 4;
        }
      }
    }
  }
}

/** Panels of 8 columns of op(B), [K][8], converted to f32; missing columns are 0. */
function packB(
  b: usize,
  packed: usize,
  firstInner: i32,
  depth: i32,
  firstColumn: i32,
  blockColumns: i32,
  inner: i32,
  columns: i32,
  transposed: bool,
  half: bool,
): void {
  const shift: usize = half ? 1 : 2;
  const columnStride = (transposed ? <usize>inner : <usize>1) << shift;
  const innerStride = (transposed ? <usize>1 : <usize>columns) << shift;
  let target = packed;
  for (let column = 0; column < blockColumns; column += 8) {
    const base = b + <usize>(firstColumn + column) * columnStride + <usize>firstInner * innerStride;
    if (column + 8 > blockColumns) {
      for (let k = 0; k < depth; k += 1) {
        for (let c = 0; c < 8; c += 1) {
          const at = base + <usize>c * columnStride + <usize>k * innerStride;
          let value: f32 = 0;
          if (column + c < blockColumns) value = half ? loadHalf(at) : load<f32>(at);
          store<f32>(target, value);
          target += 4;
        }
      }
    } else if (!transposed) {
      for (let k = 0; k < depth; k += 1) {
        const at = base + <usize>k * innerStride;
        if (half) {
          v128.store(target, halves4(v128.load_ext<u16>(at)));
          v128.store(target, halves4(v128.load_ext<u16>(at + 8)), 16);
        } else {
          v128.store(target, v128.load(at));
          v128.store(target, v128.load(at, 16), 16);
        }
        target += 32;
      }
    } else {
      packTransposed(base, target, columnStride, depth, half);
      target += (<usize>depth) << 5;
    }
  }
}

/** Eight rows of B (contiguous in k) into [K][8]. */
@inline
function packTransposed(base: usize, panel: usize, columnStride: usize, depth: i32, half: bool): void {
  for (let c = 0; c < 8; c += 1) {
    const row = base + <usize>c * columnStride;
    let target = panel + ((<usize>c) << 2);
    if (half) {
      for (let k = 0; k < depth; k += 1) {
        store<f32>(target, loadHalf(row + ((<usize>k) << 1)));
        target += 32;
      }
    } else {
      for (let k = 0; k < depth; k += 1) {
        store<f32>(target, load<f32>(row + ((<usize>k) << 2)));
        target += 32;
      }
    }
  }
}
