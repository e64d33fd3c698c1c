/**
 * Scores over rows that positions share where keys are rotated: rows meet R(−coarse) q under the fine angles of each position,
 * which is right since q · R(coarse + fine) k = R(−coarse) q · R(fine) k.
 */

import {
  fieldCoarse,
  fieldFine,
  fieldFineLength,
  fieldFirstPosition,
  fieldHalf,
  fieldHeadDim,
  fieldKvHeads,
  fieldWindow,
} from './context-block';
import {
  floatRow,
  part,
  partFloats,
  partNumbers,
  partOrder,
  partRows,
  slotCount,
  together,
} from './decode-slots';
import { fourDots, oneDot } from './four-rows';
import { addRow, madd, setRow, sum4 } from './vector';

/** q' = R(−coarse) q of all heads, for the coarse angle of the segment. */
export function rotateBack(view: usize, heads: i32, start: i32, queries: usize, rotated: usize): void {
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
export function orderPositions(count: i32, scratch: usize): void {
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
export function rotatedRowScores(
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
export function rotatedScores(
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
