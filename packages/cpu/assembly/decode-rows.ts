/**
 * Decoding over rows that positions share (a table): work per row wherever a row serves all its positions.
 *
 * Values: Σ_i a_i v_i = Σ_r (Σ_{i uses r} a_i / rms_i) V[r], so each row is read once. Scores without rotation: one dot
 * product per row, then one sum per position. Scores with rotation: decode-rotated.ts.
 */

import {
  fieldFine,
  fieldHalf,
  fieldHeadDim,
  fieldKeyPages,
  fieldKvHeads,
  fieldPositionKeyPages,
  fieldPositionRowsPerPage,
  fieldPositionValuePages,
  fieldValuePages,
  fieldWindow,
  rowAddress,
} from './context-block';
import { orderPositions, rotateBack, rotatedRowScores, rotatedScores } from './decode-rotated';
import {
  floatRow,
  locateRows,
  part,
  partFloats,
  partNumbers,
  partPerRow,
  partRows,
  partScales,
  rowStride,
  slotCount,
  together,
} from './decode-slots';
import { addFour, addOne, fourDots, oneDot } from './four-rows';
import { setRow } from './vector';

/** q_h · k_i into scores [H, stride], for entries [start, start + count). `rotated` is scratch for the queries [H, C]. */
export function sharedRowScores(
  view: usize,
  query: usize,
  heads: i32,
  start: i32,
  count: i32,
  scores: usize,
  stride: i32,
  rotated: usize,
  scratch: usize,
): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const group = heads / load<i32>(view + fieldKvHeads);
  locateRows(view, <usize>load<u32>(view + fieldKeyPages), scratch);
  if (load<u32>(view + fieldFine) != 0) {
    rotateBack(view, heads, start, query, rotated);
    if (load<i32>(view + fieldWindow) == 1) {
      orderPositions(count, scratch);
      rotatedRowScores(view, rotated, heads, start, scores, stride, scratch);
    } else {
      rotatedScores(view, rotated, heads, start, count, scores, stride, scratch);
    }
  } else {
    scoreRows(view, query, heads, scratch);
    for (let h = 0; h < heads; h += 1) {
      const q = query + ((<usize>(h * headDim)) << 2);
      const out = scores + ((<usize>(h * stride)) << 2);
      sumOfRows(view, h, count, out, scratch);
      addPositionScores(view, h / group, q, start, count, out, scratch);
    }
  }
  const scales = part(scratch, partScales);
  for (let h = 0; h < heads; h += 1) {
    const out = scores + ((<usize>(h * stride)) << 2);
    multiplyBy(out, scales, count);
  }
}

/** x[i] *= y[i]; may touch up to 3 elements beyond. */
@inline
function multiplyBy(x: usize, y: usize, count: i32): void {
  for (let i = 0; i < count; i += 4) {
    const at = (<usize>i) << 2;
    v128.store(x + at, f32x4.mul(v128.load(x + at), v128.load(y + at)));
  }
}

/** q_h · k for each row of the numbered slots and each head, 0 for those before the start. */
function scoreRows(view: usize, query: usize, heads: i32, scratch: usize): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const kvHeads = load<i32>(view + fieldKvHeads);
  const group = heads / kvHeads;
  const half = load<i32>(view + fieldHalf) != 0;
  const window = load<i32>(view + fieldWindow);
  const rows = part(scratch, partRows);
  const perRow = part(scratch, partPerRow);
  const floats = part(scratch, partFloats);
  const width = kvHeads * headDim;
  const bytes = (<usize>headDim) << 2;
  const rowBytes = <usize>kvHeads * bytes;
  const known = load<i32>(scratch + slotCount);
  const all = known * window;
  const stride = (<usize>rowStride(known, window)) << 2;
  for (let r = 0; r < all; r += together) {
    // Beyond the last row the last one is met again; the padding takes it.
    let r0 = floatRow(rows, r, width, half, floats);
    let r1 = floatRow(rows, min(r + 1, all - 1), width, half, floats + rowBytes);
    let r2 = floatRow(rows, min(r + 2, all - 1), width, half, floats + 2 * rowBytes);
    let r3 = floatRow(rows, min(r + 3, all - 1), width, half, floats + 3 * rowBytes);
    let q = query;
    let at = perRow + ((<usize>r) << 2);
    for (let g = 0; g < kvHeads; g += 1) {
      for (let h = 0; h < group; h += 1) {
        v128.store(at, fourDots(q, r0, r1, r2, r3, bytes));
        q += bytes;
        at += stride;
      }
      r0 += bytes;
      r1 += bytes;
      r2 += bytes;
      r3 += bytes;
    }
  }
  for (let h = 0; h < heads; h += 1) {
    memory.fill(perRow + <usize>h * stride + ((<usize>all) << 2), 0, (<usize>window) << 2);
  }
}

/** out[i] = Σ_j score of row (i − j, j) of one head. */
function sumOfRows(view: usize, head: i32, count: i32, out: usize, scratch: usize): void {
  const window = load<i32>(view + fieldWindow);
  const known = load<i32>(scratch + slotCount);
  const perRow = part(scratch, partPerRow) + ((<usize>(head * rowStride(known, window))) << 2);
  const numbers = scratch + partNumbers + ((<usize>(window - 1)) << 2);
  for (let i = 0; i < count; i += 1) {
    let sum: f32 = 0;
    for (let j = 0; j < window; j += 1) {
      const number = load<i32>(numbers + ((<usize>(i - j)) << 2));
      sum += load<f32>(perRow + ((<usize>(number * window + j)) << 2));
    }
    store<f32>(out + ((<usize>i) << 2), sum);
  }
}

/** Adds q · (position row of entry i) to out[i]. */
function addPositionScores(
  view: usize,
  kvHead: i32,
  query: usize,
  start: i32,
  count: i32,
  out: usize,
  scratch: usize,
): void {
  const pages = <usize>load<u32>(view + fieldPositionKeyPages);
  if (pages == 0) return;
  const bytes = (<usize>load<i32>(view + fieldHeadDim)) << 2;
  for (let i = 0; i < count; i += 1) {
    const at = out + ((<usize>i) << 2);
    const row = positionRow(view, pages, start + i, kvHead, scratch);
    store<f32>(at, load<f32>(at) + oneDot(query, row, bytes));
  }
}

/** One head of an entry's position row as floats. */
@inline
function positionRow(view: usize, pages: usize, entry: i32, kvHead: i32, scratch: usize): usize {
  const headDim = load<i32>(view + fieldHeadDim);
  const half = load<i32>(view + fieldHalf) != 0;
  const shift: usize = half ? 1 : 2;
  const rowBytes = (<usize>(load<i32>(view + fieldKvHeads) * headDim)) << shift;
  const rowsPerPage = load<i32>(view + fieldPositionRowsPerPage);
  const row = rowAddress(pages, rowsPerPage, entry, rowBytes, (<usize>(kvHead * headDim)) << shift);
  if (!half) return row;
  const floats = part(scratch, partFloats);
  setRow(floats, row, true, headDim);
  return floats;
}

/** Σ_i weight_i v_i into out [H, C], for weights [H, stride] of entries [start, start + count). */
export function sharedRowValues(
  view: usize,
  heads: i32,
  start: i32,
  count: i32,
  weights: usize,
  stride: i32,
  out: usize,
  scratch: usize,
): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const group = heads / load<i32>(view + fieldKvHeads);
  const bytes = (<usize>headDim) << 2;
  const positionPages = <usize>load<u32>(view + fieldPositionValuePages);
  locateRows(view, <usize>load<u32>(view + fieldValuePages), scratch);
  for (let h = 0; h < heads; h += 1) weighRows(view, h, count, weights + ((<usize>(h * stride)) << 2), scratch);
  memory.fill(out, 0, <usize>heads * bytes);
  addRows(view, heads, out, scratch);
  if (positionPages == 0) return;
  for (let h = 0; h < heads; h += 1) {
    for (let i = 0; i < count; i += 1) {
      const row = positionRow(view, positionPages, start + i, h / group, scratch);
      addOne(out + <usize>h * bytes, row, load<f32>(weights + ((<usize>(h * stride + i)) << 2)), bytes);
    }
  }
}

/** Multiplies the weights by each position's scale, in place, and sums them per row. */
function weighRows(view: usize, head: i32, count: i32, weights: usize, scratch: usize): void {
  const window = load<i32>(view + fieldWindow);
  const words = rowStride(load<i32>(scratch + slotCount), window);
  const perRow = part(scratch, partPerRow) + ((<usize>(head * words)) << 2);
  const numbers = scratch + partNumbers + ((<usize>(window - 1)) << 2);
  multiplyBy(weights, part(scratch, partScales), count);
  memory.fill(perRow, 0, (<usize>words) << 2);
  for (let i = 0; i < count; i += 1) {
    const weight = load<f32>(weights + ((<usize>i) << 2));
    for (let j = 0; j < window; j += 1) {
      const number = load<i32>(numbers + ((<usize>(i - j)) << 2));
      const row = perRow + ((<usize>(number * window + j)) << 2);
      store<f32>(row, load<f32>(row) + weight);
    }
  }
}

/** out[h] += Σ_r weight of row r and head h · V[r]. */
function addRows(view: usize, heads: i32, out: usize, scratch: usize): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const kvHeads = load<i32>(view + fieldKvHeads);
  const group = heads / kvHeads;
  const half = load<i32>(view + fieldHalf) != 0;
  const window = load<i32>(view + fieldWindow);
  const rows = part(scratch, partRows);
  const floats = part(scratch, partFloats);
  const perRow = part(scratch, partPerRow);
  const width = kvHeads * headDim;
  const bytes = (<usize>headDim) << 2;
  const rowBytes = <usize>kvHeads * bytes;
  const known = load<i32>(scratch + slotCount);
  const all = known * window;
  const stride = (<usize>rowStride(known, window)) << 2;
  // The weights of rows "before the start" are not values' weights.
  for (let h = 0; h < heads; h += 1) memory.fill(perRow + <usize>h * stride + ((<usize>all) << 2), 0, (<usize>(window + 3)) << 2);
  for (let r = 0; r < all; r += together) {
    let r0 = floatRow(rows, r, width, half, floats);
    let r1 = floatRow(rows, min(r + 1, all - 1), width, half, floats + rowBytes);
    let r2 = floatRow(rows, min(r + 2, all - 1), width, half, floats + 2 * rowBytes);
    let r3 = floatRow(rows, min(r + 3, all - 1), width, half, floats + 3 * rowBytes);
    let target = out;
    let at = perRow + ((<usize>r) << 2);
    for (let g = 0; g < kvHeads; g += 1) {
      for (let h = 0; h < group; h += 1) {
        addFour(target, r0, r1, r2, r3, v128.load(at), bytes);
        target += bytes;
        at += stride;
      }
      r0 += bytes;
      r1 += bytes;
      r2 += bytes;
      r3 += bytes;
    }
  }
}
