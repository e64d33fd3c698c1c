/**
 * Decoding over rows that positions share (a table): work per row wherever a row serves all its positions.
 *
 * Values: Σ_i a_i v_i = Σ_r (Σ_{i uses r} a_i / rms_i) V[r], so each row is read once. Scores without rotation: one dot
 * product per row, then one sum per position. Scores with rotation: with q' = R(−coarse) q and p = coarse + fine,
 *
 *     q · R(p) k = Σ_c A_c cos_c(fine) + B_c sin_c(fine),  A_c = q'_c k_c + q'_c' k_c',  B_c = q'_c' k_c − q'_c k_c',  c' = c + C/2
 *
 * A and B are computed once per row and head; a position is one dot product with its entry of the table of fine angles.
 *
 * The slots of a segment are numbered 0 … U−1 in the order of their appearance; number U stands for "before the start", with
 * rows of zeros.
 */

import {
  fieldCoarse,
  fieldFine,
  fieldFineLength,
  fieldFirstPosition,
  fieldHalf,
  fieldHeadDim,
  fieldIndexPages,
  fieldKeyPages,
  fieldKvHeads,
  fieldPageLength,
  fieldPositionKeyPages,
  fieldPositionRowsPerPage,
  fieldPositionValuePages,
  fieldRowsPerPage,
  fieldScalePages,
  fieldValuePages,
  fieldWindow,
  paged,
  rowAddress,
} from './context-block';
import { addFour, addOne, fourDots, oneDot, sums4 } from './four-rows';
import { madd, setRow } from './vector';

/** Number of slots U of the segment. */
const slotCount: usize = 0;
/** Where the parts of the scratch are: byte offsets, written by numberSlots. */
const partSlots: usize = 4;
const partRows: usize = 8;
const partPerRow: usize = 12;
const partAngles: usize = 16;
const partFloats: usize = 20;
/** Number of the slot of each position, w − 1 positions before the segment first. */
const partNumbers: usize = 32;

/** f32 words of scratch for segments of `length`, tables of `slots` slots. */
@inline
export function sharedRowWords(length: i32, headDim: i32, window: i32, slots: i32): i32 {
  const numbers = length + window - 1;
  return 8 + numbers + numbers + slots + (numbers + 1) * window * (headDim + 1) + numbers * window + 4 * headDim;
}

/** Numbers the slots that entries [start, start + count) use. */
export function numberSlots(view: usize, start: i32, count: i32, slots: i32, scratch: usize): void {
  const window = load<i32>(view + fieldWindow);
  const index = <usize>load<u32>(view + fieldIndexPages);
  const pageLength = load<i32>(view + fieldPageLength);
  const ahead = window - 1;
  const numbers = scratch + partNumbers;
  const slotOf = numbers + ((<usize>(count + ahead)) << 2);
  // A set without initialisation: numberOf[slot] counts if slotOf[it] is the slot.
  const numberOf = slotOf + ((<usize>(count + ahead)) << 2);
  let known = 0;
  for (let i = 0; i < count + ahead; i += 1) {
    const entry = start - ahead + i;
    const at = numbers + ((<usize>i) << 2);
    if (entry < 0) {
      store<i32>(at, -1);
      continue;
    }
    const slot = index == 0 ? entry : load<i32>(paged(index, pageLength, entry));
    const place = numberOf + ((<usize>slot) << 2);
    let number = load<i32>(place);
    if (<u32>number >= <u32>known || load<i32>(slotOf + ((<usize>number) << 2)) != slot) {
      number = known;
      store<i32>(place, number);
      store<i32>(slotOf + ((<usize>number) << 2), slot);
      known += 1;
    }
    store<i32>(at, number);
  }
  for (let i = 0; i < ahead; i += 1) {
    const at = numbers + ((<usize>i) << 2);
    if (load<i32>(at) < 0) store<i32>(at, known);
  }
  const rows = numberOf + ((<usize>slots) << 2);
  const perRow = rows + ((<usize>(known * window)) << 2);
  const angles = perRow + ((<usize>((known + 1) * window)) << 2);
  const headDim = load<i32>(view + fieldHeadDim);
  store<i32>(scratch + slotCount, known);
  store<u32>(scratch + partSlots, <u32>(slotOf - scratch));
  store<u32>(scratch + partRows, <u32>(rows - scratch));
  store<u32>(scratch + partPerRow, <u32>(perRow - scratch));
  store<u32>(scratch + partAngles, <u32>(angles - scratch));
  store<u32>(scratch + partFloats, <u32>(angles - scratch) + <u32>(((known + 1) * window * headDim) << 2));
}

@inline
function part(scratch: usize, field: usize): usize {
  return scratch + <usize>load<u32>(scratch + field);
}

/** Addresses of the rows of all numbered slots, [U · w]. */
function locateRows(view: usize, pages: usize, scratch: usize): void {
  const window = load<i32>(view + fieldWindow);
  const rowsPerPage = load<i32>(view + fieldRowsPerPage);
  const width = <usize>(load<i32>(view + fieldKvHeads) * load<i32>(view + fieldHeadDim));
  const rowBytes = width << (load<i32>(view + fieldHalf) != 0 ? 1 : 2);
  const known = load<i32>(scratch + slotCount);
  const slotOf = part(scratch, partSlots);
  const rows = part(scratch, partRows);
  for (let u = 0; u < known; u += 1) {
    const row = load<i32>(slotOf + ((<usize>u) << 2)) * window;
    for (let j = 0; j < window; j += 1) {
      const address = rowAddress(pages, rowsPerPage, row + j, rowBytes, 0);
      store<u32>(rows + ((<usize>(u * window + j)) << 2), <u32>address);
    }
  }
}

/** One head of a located row as floats: where it is, or converted into `floats`. */
@inline
function headOfRow(rows: usize, row: i32, headWords: usize, headDim: i32, half: bool, floats: usize): usize {
  const address = <usize>load<u32>(rows + ((<usize>row) << 2));
  if (!half) return address + (headWords << 2);
  setRow(floats, address + (headWords << 1), true, headDim);
  return floats;
}

/** q_h · k_i into scores [H, stride], for entries [start, start + count). `rotated` holds one query. */
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
  const kvHeads = load<i32>(view + fieldKvHeads);
  const group = heads / kvHeads;
  const rotates = load<u32>(view + fieldFine) != 0;
  locateRows(view, <usize>load<u32>(view + fieldKeyPages), scratch);
  for (let h = 0; h < heads; h += 1) {
    const q = query + ((<usize>(h * headDim)) << 2);
    const out = scores + ((<usize>(h * stride)) << 2);
    if (rotates) {
      rotateBack(view, start, q, rotated);
      angleRows(view, h / group, rotated, scratch);
      anglesOfPositions(view, start, count, out, scratch);
    } else {
      scoreRows(view, h / group, q, scratch);
      sumOfRows(view, count, out, scratch);
    }
    finishScores(view, h / group, q, start, count, out, scratch);
  }
}

/** q · k for each row of the numbered slots, 0 for those before the start. */
function scoreRows(view: usize, kvHead: i32, query: usize, scratch: usize): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const half = load<i32>(view + fieldHalf) != 0;
  const window = load<i32>(view + fieldWindow);
  const rows = part(scratch, partRows);
  const perRow = part(scratch, partPerRow);
  const floats = part(scratch, partFloats);
  const headWords = <usize>(kvHead * headDim);
  const bytes = (<usize>headDim) << 2;
  const all = load<i32>(scratch + slotCount) * window;
  let r = 0;
  for (; r + 4 <= all; r += 4) {
    const r0 = headOfRow(rows, r, headWords, headDim, half, floats);
    const r1 = headOfRow(rows, r + 1, headWords, headDim, half, floats + bytes);
    const r2 = headOfRow(rows, r + 2, headWords, headDim, half, floats + 2 * bytes);
    const r3 = headOfRow(rows, r + 3, headWords, headDim, half, floats + 3 * bytes);
    v128.store(perRow + ((<usize>r) << 2), fourDots(query, r0, r1, r2, r3, bytes));
  }
  for (; r < all; r += 1) {
    const row = headOfRow(rows, r, headWords, headDim, half, floats);
    store<f32>(perRow + ((<usize>r) << 2), oneDot(query, row, bytes));
  }
  for (let j = 0; j < window; j += 1) store<f32>(perRow + ((<usize>(all + j)) << 2), 0);
}

/** out[i] = Σ_j score of row (i − j, j). */
function sumOfRows(view: usize, count: i32, out: usize, scratch: usize): void {
  const window = load<i32>(view + fieldWindow);
  const perRow = part(scratch, partPerRow);
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

/** q' = R(−coarse) q for the coarse angle of the segment. */
function rotateBack(view: usize, start: i32, query: usize, rotated: usize): void {
  const half = load<i32>(view + fieldHeadDim) >> 1;
  const position = load<i32>(view + fieldFirstPosition) + start;
  const entry = <usize>(position / load<i32>(view + fieldFineLength));
  const coarse = <usize>load<u32>(view + fieldCoarse) + ((entry * <usize>half) << 3);
  for (let c = 0; c < half; c += 1) {
    const at = (<usize>c) << 2;
    const upper = (<usize>(c + half)) << 2;
    const cos = load<f32>(coarse + (at << 1));
    const sin = load<f32>(coarse + (at << 1), 4);
    const a = load<f32>(query + at);
    const b = load<f32>(query + upper);
    store<f32>(rotated + at, a * cos + b * sin);
    store<f32>(rotated + upper, b * cos - a * sin);
  }
}

/** A and B of each row of the numbered slots, interleaved as the table of angles is. */
function angleRows(view: usize, kvHead: i32, query: usize, scratch: usize): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const half = load<i32>(view + fieldHalf) != 0;
  const window = load<i32>(view + fieldWindow);
  const rows = part(scratch, partRows);
  const floats = part(scratch, partFloats);
  const headWords = <usize>(kvHead * headDim);
  const bytes = (<usize>headDim) << 2;
  const upper = bytes >> 1;
  const all = load<i32>(scratch + slotCount) * window;
  let out = part(scratch, partAngles);
  for (let r = 0; r < all; r += 1) {
    const row = headOfRow(rows, r, headWords, headDim, half, floats);
    for (let c: usize = 0; c < upper; c += 16) {
      const q1 = v128.load(query + c);
      const q2 = v128.load(query + upper + c);
      const k1 = v128.load(row + c);
      const k2 = v128.load(row + upper + c);
      const a = madd(q1, k1, f32x4.mul(q2, k2));
      const b = f32x4.sub(f32x4.mul(q2, k1), f32x4.mul(q1, k2));
      v128.store(out + 2 * c, v128.shuffle<f32>(a, b, 0, 4, 1, 5));
      v128.store(out + 2 * c, v128.shuffle<f32>(a, b, 2, 6, 3, 7), 16);
    }
    out += bytes;
  }
  memory.fill(out, 0, <usize>window * bytes);
}

/** out[i] = Σ_j (A, B of row (i − j, j)) · fine angles of entry i. */
function anglesOfPositions(view: usize, start: i32, count: i32, out: usize, scratch: usize): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const bytes = (<usize>headDim) << 2;
  const window = load<i32>(view + fieldWindow);
  const position = load<i32>(view + fieldFirstPosition) + start;
  const angles = part(scratch, partAngles);
  const numbers = scratch + partNumbers + ((<usize>(window - 1)) << 2);
  let fine = <usize>load<u32>(view + fieldFine) + <usize>(position % load<i32>(view + fieldFineLength)) * bytes;
  let i = 0;
  if (window == 1) {
    for (; i + 4 <= count; i += 4) {
      const at = numbers + ((<usize>i) << 2);
      const r0 = angles + <usize>load<i32>(at) * bytes;
      const r1 = angles + <usize>load<i32>(at, 4) * bytes;
      const r2 = angles + <usize>load<i32>(at, 8) * bytes;
      const r3 = angles + <usize>load<i32>(at, 12) * bytes;
      v128.store(out + ((<usize>i) << 2), fourPairs(fine, r0, r1, r2, r3, bytes));
      fine += 4 * bytes;
    }
  }
  for (; i < count; i += 1) {
    const at = numbers + ((<usize>i) << 2);
    let sum: f32 = 0;
    let j = 0;
    if (window >= 3) {
      const r0 = angles + <usize>(load<i32>(at) * window) * bytes;
      const r1 = angles + <usize>(load<i32>(at - 4) * window + 1) * bytes;
      const r2 = angles + <usize>(load<i32>(at - 8) * window + 2) * bytes;
      sum = sumOfThree(fine, r0, r1, r2, bytes);
      j = 3;
    }
    for (; j < window; j += 1) {
      const number = load<i32>(at - ((<usize>j) << 2));
      sum += oneDot(fine, angles + <usize>(number * window + j) * bytes, bytes);
    }
    store<f32>(out + ((<usize>i) << 2), sum);
    fine += bytes;
  }
}

/** Four dot products of four rows with four consecutive ones. */
@inline
function fourPairs(fine: usize, r0: usize, r1: usize, r2: usize, r3: usize, bytes: usize): v128 {
  const f1 = fine + bytes;
  const f2 = f1 + bytes;
  const f3 = f2 + bytes;
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  for (let c: usize = 0; c < bytes; c += 16) {
    s0 = madd(v128.load(fine + c), v128.load(r0 + c), s0);
    s1 = madd(v128.load(f1 + c), v128.load(r1 + c), s1);
    s2 = madd(v128.load(f2 + c), v128.load(r2 + c), s2);
    s3 = madd(v128.load(f3 + c), v128.load(r3 + c), s3);
  }
  return sums4(s0, s1, s2, s3);
}

/** (r0 + r1 + r2) · fine. */
@inline
function sumOfThree(fine: usize, r0: usize, r1: usize, r2: usize, bytes: usize): f32 {
  let s = f32x4.splat(0);
  let t = f32x4.splat(0);
  for (let c: usize = 0; c < bytes; c += 32) {
    const low = f32x4.add(f32x4.add(v128.load(r0 + c), v128.load(r1 + c)), v128.load(r2 + c));
    s = madd(low, v128.load(fine + c), s);
    const high = f32x4.add(f32x4.add(v128.load(r0 + c, 16), v128.load(r1 + c, 16)), v128.load(r2 + c, 16));
    t = madd(high, v128.load(fine + c, 16), t);
  }
  const sum = f32x4.add(s, t);
  return (
    f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3))
  );
}

/** Adds what position rows contribute, and applies each position's scale. */
function finishScores(view: usize, kvHead: i32, query: usize, start: i32, count: i32, out: usize, scratch: usize): void {
  const scale = <usize>load<u32>(view + fieldScalePages);
  const pageLength = load<i32>(view + fieldPageLength);
  const pages = <usize>load<u32>(view + fieldPositionKeyPages);
  const bytes = (<usize>load<i32>(view + fieldHeadDim)) << 2;
  if (scale == 0 && pages == 0) return;
  for (let i = 0; i < count; i += 1) {
    const at = out + ((<usize>i) << 2);
    let score = load<f32>(at);
    if (pages != 0) score += oneDot(query, positionRow(view, pages, start + i, kvHead, scratch), bytes);
    if (scale != 0) score *= load<f32>(paged(scale, pageLength, start + i));
    store<f32>(at, score);
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
  const kvHeads = load<i32>(view + fieldKvHeads);
  const group = heads / kvHeads;
  const bytes = (<usize>headDim) << 2;
  const positionPages = <usize>load<u32>(view + fieldPositionValuePages);
  locateRows(view, <usize>load<u32>(view + fieldValuePages), scratch);
  for (let h = 0; h < heads; h += 1) {
    const own = weights + ((<usize>(h * stride)) << 2);
    const target = out + <usize>h * bytes;
    memory.fill(target, 0, bytes);
    weighRows(view, start, count, own, scratch);
    addRows(view, h / group, target, scratch);
    if (positionPages == 0) continue;
    for (let i = 0; i < count; i += 1) {
      const row = positionRow(view, positionPages, start + i, h / group, scratch);
      addOne(target, row, load<f32>(own + ((<usize>i) << 2)), bytes);
    }
  }
}

/** Scales the weights by each position's scale, in place, and sums them per row. */
function weighRows(view: usize, start: i32, count: i32, weights: usize, scratch: usize): void {
  const scale = <usize>load<u32>(view + fieldScalePages);
  const pageLength = load<i32>(view + fieldPageLength);
  const window = load<i32>(view + fieldWindow);
  const perRow = part(scratch, partPerRow);
  const numbers = scratch + partNumbers + ((<usize>(window - 1)) << 2);
  memory.fill(perRow, 0, (<usize>((load<i32>(scratch + slotCount) + 1) * window)) << 2);
  for (let i = 0; i < count; i += 1) {
    const at = weights + ((<usize>i) << 2);
    let weight = load<f32>(at);
    if (scale != 0) {
      weight *= load<f32>(paged(scale, pageLength, start + i));
      store<f32>(at, weight);
    }
    for (let j = 0; j < window; j += 1) {
      const number = load<i32>(numbers + ((<usize>(i - j)) << 2));
      const row = perRow + ((<usize>(number * window + j)) << 2);
      store<f32>(row, load<f32>(row) + weight);
    }
  }
}

/** out += Σ_r weight of row r · V[r]. */
function addRows(view: usize, kvHead: i32, out: usize, scratch: usize): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const half = load<i32>(view + fieldHalf) != 0;
  const rows = part(scratch, partRows);
  const perRow = part(scratch, partPerRow);
  const floats = part(scratch, partFloats);
  const headWords = <usize>(kvHead * headDim);
  const bytes = (<usize>headDim) << 2;
  const all = load<i32>(scratch + slotCount) * load<i32>(view + fieldWindow);
  let r = 0;
  for (; r + 4 <= all; r += 4) {
    const r0 = headOfRow(rows, r, headWords, headDim, half, floats);
    const r1 = headOfRow(rows, r + 1, headWords, headDim, half, floats + bytes);
    const r2 = headOfRow(rows, r + 2, headWords, headDim, half, floats + 2 * bytes);
    const r3 = headOfRow(rows, r + 3, headWords, headDim, half, floats + 3 * bytes);
    addFour(out, r0, r1, r2, r3, v128.load(perRow + ((<usize>r) << 2)), bytes);
  }
  for (; r < all; r += 1) {
    const row = headOfRow(rows, r, headWords, headDim, half, floats);
    addOne(out, row, load<f32>(perRow + ((<usize>r) << 2)), bytes);
  }
}
