/**
 * Decoding over keys and values in rows of their own (a KV cache): rows are read once, whole and in order, four at a time.
 * f16 rows are converted four at a time first.
 */

import {
  fieldHalf,
  fieldHeadDim,
  fieldKeyPages,
  fieldKvHeads,
  fieldRowsPerPage,
  fieldValuePages,
  readsRows,
  rowAddress,
} from './context-block';
import { fourDots, oneDot } from './four-rows';
import { madd, setRow } from './vector';

/** Keys read together: one load of the query serves all. */
@inline
const keysTogether: i32 = 4;
/** Values read together: one load and store of the sum serves all. */
@inline
export const valuesTogether: i32 = 8;

/** Whether entry i's key and value are row i as stored. */
@inline
export function readsDenseRows(view: usize): bool {
  return readsRows(view);
}

/** q_h · k_i into scores [H, stride], for entries [start, start + count). */
export function denseScores(
  view: usize,
  query: usize,
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
  const pages = <usize>load<u32>(view + fieldKeyPages);
  const headBytes = (<usize>headDim) << 2;
  const rowBytes = <usize>kvHeads * headBytes;
  for (let i = 0; i < count; ) {
    const rows = rowsTogether(view, start + i, count - i, keysTogether);
    const keys = floatRows(view, pages, start + i, rows, scratch);
    for (let g = 0; g < kvHeads; g += 1) {
      const key = keys + <usize>g * headBytes;
      for (let h = g * group; h < (g + 1) * group; h += 1) {
        const q = query + <usize>h * headBytes;
        const at = scores + ((<usize>(h * stride + i)) << 2);
        if (rows == keysTogether) {
          const k2 = key + 2 * rowBytes;
          v128.store(at, fourDots(q, key, key + rowBytes, k2, k2 + rowBytes, headBytes));
        } else {
          for (let r = 0; r < rows; r += 1) {
            store<f32>(at + ((<usize>r) << 2), oneDot(q, key + <usize>r * rowBytes, headBytes));
          }
        }
      }
    }
    i += rows;
  }
}

/** Σ_i weight_i v_i into out [H, C], for weights [H, stride] of entries [start, start + count). */
export function denseValues(
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
  const pages = <usize>load<u32>(view + fieldValuePages);
  const headBytes = (<usize>headDim) << 2;
  const rowBytes = <usize>kvHeads * headBytes;
  memory.fill(out, 0, <usize>heads * headBytes);
  for (let i = 0; i < count; ) {
    const rows = rowsTogether(view, start + i, count - i, valuesTogether);
    const values = floatRows(view, pages, start + i, rows, scratch);
    for (let g = 0; g < kvHeads; g += 1) {
      const value = values + <usize>g * headBytes;
      for (let h = g * group; h < (g + 1) * group; h += 1) {
        const at = weights + ((<usize>(h * stride + i)) << 2);
        addRun(out + <usize>h * headBytes, value, rowBytes, rows, at, headBytes);
      }
    }
    i += rows;
  }
}

/** out += Σ_r weights[r] · row r, for `count` rows `stride` apart. */
@inline
function addRun(out: usize, rows: usize, stride: usize, count: i32, weights: usize, bytes: usize): void {
  const end = weights + ((<usize>count) << 2);
  let c: usize = 0;
  for (; c + 64 <= bytes; c += 64) {
    let a0 = v128.load(out + c);
    let a1 = v128.load(out + c, 16);
    let a2 = v128.load(out + c, 32);
    let a3 = v128.load(out + c, 48);
    let row = rows + c;
    for (let at = weights; at < end; at += 4) {
      const weight = v128.load32_splat(at);
      a0 = madd(weight, v128.load(row), a0);
      a1 = madd(weight, v128.load(row, 16), a1);
      a2 = madd(weight, v128.load(row, 32), a2);
      a3 = madd(weight, v128.load(row, 48), a3);
      row += stride;
    }
    v128.store(out + c, a0);
    v128.store(out + c, a1, 16);
    v128.store(out + c, a2, 32);
    v128.store(out + c, a3, 48);
  }
  for (; c < bytes; c += 16) {
    let a0 = v128.load(out + c);
    let row = rows + c;
    for (let at = weights; at < end; at += 4) {
      a0 = madd(v128.load32_splat(at), v128.load(row), a0);
      row += stride;
    }
    v128.store(out + c, a0);
  }
}

/** How many rows from `entry` on lie together: up to `most` within one page. */
@inline
function rowsTogether(view: usize, entry: i32, left: i32, most: i32): i32 {
  const rowsPerPage = load<i32>(view + fieldRowsPerPage);
  return min(min(left, most), rowsPerPage - (entry % rowsPerPage));
}

/** The address of rows as floats: where they are, or converted into scratch. */
@inline
function floatRows(view: usize, pages: usize, entry: i32, rows: i32, scratch: usize): usize {
  const rowsPerPage = load<i32>(view + fieldRowsPerPage);
  const width = load<i32>(view + fieldKvHeads) * load<i32>(view + fieldHeadDim);
  if (load<i32>(view + fieldHalf) == 0) return rowAddress(pages, rowsPerPage, entry, (<usize>width) << 2, 0);
  setRow(scratch, rowAddress(pages, rowsPerPage, entry, (<usize>width) << 1, 0), true, rows * width);
  return scratch;
}
