/**
 * Decoding over rows that positions share (a table): work per row wherever a row serves all its positions.
 *
 * Values: Σ_i a_i v_i = Σ_r (Σ_{i uses r} a_i / rms_i) V[r], so each row is read once. Scores without rotation: one dot
 * product per row, then one sum per position. Scores with rotation: rows of four positions are summed, rotated by their fine
 * angles and met with R(−coarse) q, which is right since q · R(coarse + fine) k = R(−coarse) q · R(fine) k.
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
import { addFour, addOne, fourDots, oneDot } from './four-rows';
import { addRow, madd, setRow, sum4 } from './vector';

/** Number of slots U of the segment. */
const slotCount: usize = 0;
/** Where the parts of the scratch are: byte offsets, written by numberSlots. */
const partSlots: usize = 4;
const partRows: usize = 8;
const partPerRow: usize = 12;
const partScales: usize = 16;
const partFloats: usize = 20;
const partOrder: usize = 24;
/** Number of the slot of each position, w − 1 positions before the segment first. */
const partNumbers: usize = 32;

/** Positions expanded together: one load of the query serves all. */
@inline
const together: i32 = 4;

/** f32 words of scratch for segments of `length`, tables of `slots` slots. */
@inline
export function sharedRowWords(length: i32, heads: i32, headDim: i32, window: i32, slots: i32): i32 {
  const numbers = length + window - 1;
  const rows = (numbers + 1) * window;
  const order = numbers + 2 + length;
  const floats = (together * heads + 1) * headDim;
  return 8 + numbers + numbers + slots + rows + heads * (rows + 4) + length + 4 + order + floats;
}

/** Numbers the slots that entries [start, start + count) use. */
export function numberSlots(view: usize, heads: i32, start: i32, count: i32, slots: i32, scratch: usize): void {
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
  const perRow = rows + ((<usize>((known + 1) * window)) << 2);
  const scales = perRow + ((<usize>(heads * rowStride(known, window))) << 2);
  store<i32>(scratch + slotCount, known);
  store<u32>(scratch + partSlots, <u32>(slotOf - scratch));
  store<u32>(scratch + partRows, <u32>(rows - scratch));
  store<u32>(scratch + partPerRow, <u32>(perRow - scratch));
  store<u32>(scratch + partScales, <u32>(scales - scratch));
  const order = scales + ((<usize>(count + 4)) << 2);
  store<u32>(scratch + partOrder, <u32>(order - scratch));
  store<u32>(scratch + partFloats, <u32>(order - scratch) + <u32>((known + 2 + count) << 2));
  copyScales(view, start, count, scales);
}

/** 1/rms of entries [start, start + count), in one piece; 1 where the view has none. */
function copyScales(view: usize, start: i32, count: i32, scales: usize): void {
  const pages = <usize>load<u32>(view + fieldScalePages);
  const pageLength = load<i32>(view + fieldPageLength);
  for (let i = 0; i < count; ) {
    const target = scales + ((<usize>i) << 2);
    if (pages == 0) {
      store<f32>(target, 1);
      i += 1;
      continue;
    }
    const run = min(count - i, pageLength - ((start + i) % pageLength));
    memory.copy(target, paged(pages, pageLength, start + i), (<usize>run) << 2);
    i += run;
  }
}

/** f32 words from one head's numbers per row to the next's: rows of the slots, those before the start, padding. */
@inline
function rowStride(known: i32, window: i32): i32 {
  return (known + 1) * window + 3;
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

/** A located row [G, C] as floats: where it is, or converted into `floats`. */
@inline
function floatRow(rows: usize, row: i32, width: i32, half: bool, floats: usize): usize {
  const address = <usize>load<u32>(rows + ((<usize>row) << 2));
  if (!half) return address;
  setRow(floats, address, true, width);
  return floats;
}

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

/** q' = R(−coarse) q of all heads, for the coarse angle of the segment. */
function rotateBack(view: usize, heads: i32, start: i32, queries: usize, rotated: usize): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const half = headDim >> 1;
  const position = load<i32>(view + fieldFirstPosition) + start;
  const entry = <usize>(position / load<i32>(view + fieldFineLength));
  const coarse = <usize>load<u32>(view + fieldCoarse) + ((entry * <usize>half) << 3);
  for (let h = 0; h < heads; h += 1) {
    const offset = (<usize>(h * headDim)) << 2;
    for (let c = 0; c < half; c += 1) {
      const at = offset + ((<usize>c) << 2);
      const upper = at + ((<usize>half) << 2);
      const cos = load<f32>(coarse + ((<usize>c) << 3));
      const sin = load<f32>(coarse + ((<usize>c) << 3), 4);
      const a = load<f32>(queries + at);
      const b = load<f32>(queries + upper);
      store<f32>(rotated + at, a * cos + b * sin);
      store<f32>(rotated + upper, b * cos - a * sin);
    }
  }
}

/** Positions by slot (w = 1): those of slot u are order[starts[u]] … order[starts[u + 1] − 1]; order follows starts. */
function orderPositions(count: i32, scratch: usize): void {
  const known = load<i32>(scratch + slotCount);
  const numbers = scratch + partNumbers;
  const starts = part(scratch, partOrder);
  const order = starts + ((<usize>(known + 2)) << 2);
  // Counting sort; starts[u + 1] runs through slot u's places and ends as the start of slot u + 1.
  memory.fill(starts, 0, (<usize>(known + 2)) << 2);
  for (let i = 0; i < count; i += 1) {
    const at = starts + ((<usize>(load<i32>(numbers + ((<usize>i) << 2)) + 2)) << 2);
    store<i32>(at, load<i32>(at) + 1);
  }
  for (let u = 1; u <= known; u += 1) {
    const at = starts + ((<usize>u) << 2);
    store<i32>(at, load<i32>(at) + load<i32>(at - 4));
  }
  for (let i = 0; i < count; i += 1) {
    const at = starts + ((<usize>(load<i32>(numbers + ((<usize>i) << 2)) + 1)) << 2);
    const place = load<i32>(at);
    store<i32>(order + ((<usize>place) << 2), i);
    store<i32>(at, place + 1);
  }
}

/** q' · R(fine) K[row of i] into scores [H, stride], for w = 1: each row is read once for all its positions. */
function rotatedRowScores(
  view: usize,
  queries: usize,
  heads: i32,
  start: i32,
  scores: usize,
  stride: i32,
  scratch: usize,
): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const kvHeads = load<i32>(view + fieldKvHeads);
  const group = heads / kvHeads;
  const half = load<i32>(view + fieldHalf) != 0;
  const headBytes = (<usize>headDim) << 2;
  const rowBytes = <usize>kvHeads * headBytes;
  const position = load<i32>(view + fieldFirstPosition) + start;
  const fine = <usize>load<u32>(view + fieldFine) + <usize>(position % load<i32>(view + fieldFineLength)) * headBytes;
  const rows = part(scratch, partRows);
  const known = load<i32>(scratch + slotCount);
  const starts = part(scratch, partOrder);
  const order = starts + ((<usize>(known + 2)) << 2);
  const floats = part(scratch, partFloats);
  const turned = floats + rowBytes;
  const angles = floats + <usize>together * rowBytes;
  for (let u = 0; u < known; u += 1) {
    const row = floatRow(rows, u, kvHeads * headDim, half, floats);
    const end = load<i32>(starts + ((<usize>u) << 2), 4);
    for (let k = load<i32>(starts + ((<usize>u) << 2)); k < end; k += 1) {
      const i = load<i32>(order + ((<usize>k) << 2));
      separateAngles(fine + <usize>i * headBytes, angles, headBytes);
      let out = scores + ((<usize>i) << 2);
      let q = queries;
      let key = row;
      if (group == 1) {
        for (let h = 0; h < heads; h += 1) {
          store<f32>(out, turnedDot(q, key, angles, headBytes));
          out += (<usize>stride) << 2;
          q += headBytes;
          key += headBytes;
        }
        continue;
      }
      for (let g = 0; g < kvHeads; g += 1) {
        turn(key, angles, turned, headBytes);
        for (let h = 0; h < group; h += 1) {
          store<f32>(out, oneDot(q, turned, headBytes));
          out += (<usize>stride) << 2;
          q += headBytes;
        }
        key += headBytes;
      }
    }
  }
}

/** q · R(angles) k of one head. */
@inline
function turnedDot(query: usize, key: usize, angles: usize, bytes: usize): f32 {
  const upper = bytes >> 1;
  let s = f32x4.splat(0);
  let t = f32x4.splat(0);
  for (let c: usize = 0; c < upper; c += 16) {
    const q1 = v128.load(query + c);
    const q2 = v128.load(query + upper + c);
    const k1 = v128.load(key + c);
    const k2 = v128.load(key + upper + c);
    const a = madd(q1, k1, f32x4.mul(q2, k2));
    const b = f32x4.sub(f32x4.mul(q2, k1), f32x4.mul(q1, k2));
    s = madd(a, v128.load(angles + c), s);
    t = madd(b, v128.load(angles + upper + c), t);
  }
  return sum4(f32x4.add(s, t));
}

/** out = R(angles) x of one head. */
@inline
function turn(x: usize, angles: usize, out: usize, bytes: usize): void {
  const upper = bytes >> 1;
  for (let c: usize = 0; c < upper; c += 16) {
    const cos = v128.load(angles + c);
    const sin = v128.load(angles + upper + c);
    const a = v128.load(x + c);
    const b = v128.load(x + upper + c);
    v128.store(out + c, f32x4.sub(f32x4.mul(a, cos), f32x4.mul(b, sin)));
    v128.store(out + upper + c, madd(b, cos, f32x4.mul(a, sin)));
  }
}

/** q' · R(fine) Σ_j K[row (i − j, j)] into scores [H, stride]. */
function rotatedScores(
  view: usize,
  queries: usize,
  heads: i32,
  start: i32,
  count: i32,
  scores: usize,
  stride: i32,
  scratch: usize,
): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const kvHeads = load<i32>(view + fieldKvHeads);
  const group = heads / kvHeads;
  const headBytes = (<usize>headDim) << 2;
  const rowBytes = <usize>kvHeads * headBytes;
  const position = load<i32>(view + fieldFirstPosition) + start;
  const keys = part(scratch, partFloats);
  const angles = keys + <usize>together * rowBytes;
  let fine = <usize>load<u32>(view + fieldFine) + <usize>(position % load<i32>(view + fieldFineLength)) * headBytes;
  for (let i = 0; i < count; i += together) {
    const present = min(together, count - i);
    for (let r = 0; r < present; r += 1) {
      separateAngles(fine, angles, headBytes);
      fine += headBytes;
      rotateKey(view, i + r, angles, keys + <usize>r * rowBytes, scratch);
    }
    for (let h = 0; h < heads; h += 1) {
      const q = queries + <usize>h * headBytes;
      const key = keys + <usize>(h / group) * headBytes;
      const at = scores + ((<usize>(h * stride + i)) << 2);
      // Rows left over from before count for nothing: the scores' padding takes them.
      const k2 = key + 2 * rowBytes;
      v128.store(at, fourDots(q, key, key + rowBytes, k2, k2 + rowBytes, headBytes));
    }
  }
}

/** An entry of the table of angles (cos, sin, cos, sin …) as all cosines, then all sines. */
@inline
function separateAngles(entry: usize, angles: usize, bytes: usize): void {
  const upper = bytes >> 1;
  for (let c: usize = 0; c < upper; c += 16) {
    const low = v128.load(entry + 2 * c);
    const high = v128.load(entry + 2 * c, 16);
    v128.store(angles + c, v128.shuffle<f32>(low, high, 0, 2, 4, 6));
    v128.store(angles + upper + c, v128.shuffle<f32>(low, high, 1, 3, 5, 7));
  }
}

/** R(fine) Σ_j K[row (i − j, j)] of all heads of position i of the segment, into `out` [G, C]. */
function rotateKey(view: usize, i: i32, angles: usize, out: usize, scratch: usize): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const kvHeads = load<i32>(view + fieldKvHeads);
  const half = load<i32>(view + fieldHalf) != 0;
  const window = load<i32>(view + fieldWindow);
  const rows = part(scratch, partRows);
  const numbers = scratch + partNumbers + ((<usize>(window - 1 + i)) << 2);
  const width = kvHeads * headDim;
  let source = <usize>load<u32>(rows + ((<usize>(load<i32>(numbers) * window)) << 2));
  if (half) {
    setRow(out, source, true, width);
    source = out;
  }
  const known = load<i32>(scratch + slotCount);
  if (window == 3 && !half && load<i32>(numbers - 8) != known && load<i32>(numbers - 4) != known) {
    const r1 = <usize>load<u32>(rows + ((<usize>(load<i32>(numbers - 4) * window + 1)) << 2));
    const r2 = <usize>load<u32>(rows + ((<usize>(load<i32>(numbers - 8) * window + 2)) << 2));
    sumThree(out, source, r1, r2, (<usize>width) << 2);
    source = out;
  } else {
    for (let j = 1; j < window; j += 1) {
      const number = load<i32>(numbers - ((<usize>j) << 2));
      if (number == known) break; // before the start
      const row = <usize>load<u32>(rows + ((<usize>(number * window + j)) << 2));
      if (source != out) setRow(out, source, false, width);
      addRow(out, row, half, width);
      source = out;
    }
  }
  const headBytes = (<usize>headDim) << 2;
  for (let g = 0; g < kvHeads; g += 1) {
    turn(source, angles, out, headBytes);
    source += headBytes;
    out += headBytes;
  }
}

@inline
function sumThree(out: usize, a: usize, b: usize, c: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    v128.store(out + at, f32x4.add(f32x4.add(v128.load(a + at), v128.load(b + at)), v128.load(c + at)));
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
