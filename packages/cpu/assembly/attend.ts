/**
 * Attention of T queries over entries of a context view, by online softmax in blocks of 64 entries: no score matrix.
 * Queries are taken in tiles of 32, so that an expanded block serves all of them and all H/G heads of its group.
 *
 * Per block and query: scores (four keys at a time), their maximum, exponentials, their weighted values in an
 * accumulator of their own, which then joins the running one. Rounding therefore grows with the number of blocks.
 */

import {
  blockAngles,
  blockEntries,
  blockPlaces,
  expandBlock,
  fieldFirstPosition,
  fieldHeadDim,
  fieldKeyPages,
  fieldKvHeads,
  fieldRowsPerPage,
  fieldValuePages,
  fieldWindow,
  paddedHeadDim,
  readsInPlace,
  rowAddress,
} from './context-block';
import { decode, decodeScratchWords, decodes } from './decode';
import { argument, floatArgument, pass, passFloat, runTasks, threadCount, threadIndex } from './threads';
import { exp1, expNonPositive4, max4, setRow, sum4 } from './vector';

const tileQueries: i32 = 32;
const lowest: f32 = -3.4028234663852886e38;

/** Queries that are decoded one by one rather than in tiles. */
const fewQueries: i32 = 3;

/** Words of scratch of one tile: keys, values, angles, scores, one query, one accumulator, places. */
@inline
export function tileScratchWords(headDim: i32, window: i32): i32 {
  return blockEntries * (2 * paddedHeadDim(headDim) + headDim + 1 + 2 * window) + 2 * paddedHeadDim(headDim) + 16;
}

/** Words of scratch, all threads': `slots` is how many slots the view's rows have, `entries` how many are attended to. */
export function attendScratchWords(
  count: i32,
  heads: i32,
  headDim: i32,
  window: i32,
  slots: i32,
  entries: i32,
  rotates: bool,
): i32 {
  const tiles = threadCount() * tileScratchWords(headDim, window);
  if (count > fewQueries) return tiles;
  return max(tiles, decodeScratchWords(heads, headDim, window, slots, entries, rotates, threadCount()));
}

export function attend(
  queries: usize,
  positions: usize,
  view: usize,
  slopes: usize,
  out: usize,
  maxima: usize,
  sums: usize,
  count: i32,
  heads: i32,
  from: i32,
  to: i32,
  scale: f32,
  accumulate: bool,
  slots: i32,
  scratch: usize,
): void {
  const headDim = load<i32>(view + fieldHeadDim);
  begin(out, maxima, sums, count * heads, headDim, accumulate);
  if (count <= fewQueries && decodes(view)) {
    for (let t = 0; t < count; t += 1) {
      const row = <usize>(t * heads) << 2;
      const query = queries + row * <usize>headDim;
      const position = load<i32>(positions + ((<usize>t) << 2));
      const target = out + row * <usize>headDim;
      decode(query, position, view, slopes, target, maxima + row, sums + row, heads, from, to, scale, slots, scratch);
    }
  } else {
    pass(0, <i32>queries);
    pass(1, <i32>positions);
    pass(2, <i32>view);
    pass(3, <i32>slopes);
    pass(4, <i32>out);
    pass(5, <i32>maxima);
    pass(6, <i32>sums);
    pass(7, count);
    pass(8, heads);
    pass(9, from);
    pass(10, to);
    passFloat(11, scale);
    pass(12, <i32>scratch);
    const tiles = (count + tileQueries - 1) / tileQueries;
    runTasks(attendTileTask, tiles * load<i32>(view + fieldKvHeads));
  }
  finish(out, sums, count * heads, headDim);
}

/** One tile of queries, one kv head. The last tile, whose queries see most, is task number highest: it is begun first. */
function attendTileTask(task: i32): void {
  const view = <usize>argument(2);
  const kvHeads = load<i32>(view + fieldKvHeads);
  const count = argument(7);
  const first = (task / kvHeads) * tileQueries;
  const words = tileScratchWords(load<i32>(view + fieldHeadDim), load<i32>(view + fieldWindow));
  attendTile(
    <usize>argument(0),
    <usize>argument(1),
    view,
    <usize>argument(3),
    <usize>argument(4),
    <usize>argument(5),
    <usize>argument(6),
    first,
    min(count, first + tileQueries),
    argument(8),
    task % kvHeads,
    argument(9),
    argument(10),
    floatArgument(11),
    <usize>argument(12) + ((<usize>(threadIndex() * words)) << 2),
  );
}

/** Running outputs are kept unnormalised; nothing seen: lowest, 0, 0. */
function begin(out: usize, maxima: usize, sums: usize, rows: i32, headDim: i32, accumulate: bool): void {
  for (let r = 0; r < rows; r += 1) {
    const at = (<usize>r) << 2;
    const row = out + ((<usize>r * <usize>headDim) << 2);
    if (!accumulate) {
      store<f32>(maxima + at, lowest);
      store<f32>(sums + at, 0);
      memory.fill(row, 0, (<usize>headDim) << 2);
    } else {
      multiplyRow(row, load<f32>(sums + at), headDim);
    }
  }
}

function finish(out: usize, sums: usize, rows: i32, headDim: i32): void {
  for (let r = 0; r < rows; r += 1) {
    const sum = load<f32>(sums + ((<usize>r) << 2));
    if (sum != 0) multiplyRow(out + ((<usize>r * <usize>headDim) << 2), <f32>1 / sum, headDim);
  }
}

@inline
function multiplyRow(row: usize, factor: f32, length: i32): void {
  for (let i = 0; i < length; i += 1) {
    const at = row + ((<usize>i) << 2);
    store<f32>(at, load<f32>(at) * factor);
  }
}

function attendTile(
  queries: usize,
  positions: usize,
  view: usize,
  slopes: usize,
  out: usize,
  maxima: usize,
  sums: usize,
  firstQuery: i32,
  lastQuery: i32,
  heads: i32,
  g: i32,
  from: i32,
  to: i32,
  scale: f32,
  scratch: usize,
): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const kvHeads = load<i32>(view + fieldKvHeads);
  const group = heads / kvHeads;
  const padded = paddedHeadDim(headDim);
  const inPlace = readsInPlace(view);
  const rowsPerPage = load<i32>(view + fieldRowsPerPage);
  const firstPosition = load<i32>(view + fieldFirstPosition);
  const keyScratch = scratch;
  const valueScratch = keyScratch + ((<usize>(blockEntries * padded)) << 2);
  const angles = valueScratch + ((<usize>(blockEntries * padded)) << 2);
  const scores = angles + ((<usize>(blockEntries * headDim)) << 2);
  const query = scores + ((<usize>blockEntries) << 2);
  const accumulator = query + ((<usize>padded) << 2);
  const places = accumulator + ((<usize>padded) << 2);
  const rowBytes = (<usize>(kvHeads * headDim)) << 2;

  let lastSeen = -1;
  for (let t = firstQuery; t < lastQuery; t += 1) {
    lastSeen = max(lastSeen, load<i32>(positions + ((<usize>t) << 2)) - firstPosition);
  }
  const end = min(to, lastSeen + 1);
  for (let start = from; start < end; ) {
    let entries = min(blockEntries, end - start);
    if (inPlace) entries = min(entries, rowsPerPage - (start % rowsPerPage));
    else {
      blockAngles(view, start, entries, angles);
      blockPlaces(view, start, entries, places);
    }
    let keys = keyScratch;
    let values = valueScratch;
    let stride = (<usize>padded) << 2;
    if (inPlace) {
      const headBytes = (<usize>(g * headDim)) << 2;
      keys = rowAddress(<usize>load<u32>(view + fieldKeyPages), rowsPerPage, start, rowBytes, headBytes);
      values = rowAddress(<usize>load<u32>(view + fieldValuePages), rowsPerPage, start, rowBytes, headBytes);
      stride = rowBytes;
    } else {
      expandBlock(view, g, start, entries, true, angles, places, keys);
      expandBlock(view, g, start, entries, false, angles, places, values);
    }
    for (let t = firstQuery; t < lastQuery; t += 1) {
      const distance = load<i32>(positions + ((<usize>t) << 2)) - firstPosition - start; // of entry `start`
      const seen = min(entries, distance + 1);
      if (seen <= 0) continue;
      for (let h = g * group; h < (g + 1) * group; h += 1) {
        const row = <usize>(t * heads + h);
        const at = row << 2;
        const slope = slopes == 0 ? <f32>0 : load<f32>(slopes + ((<usize>h) << 2));
        padQuery(query, queries + ((row * <usize>headDim) << 2), headDim, padded);
        const top = score(query, keys, stride, padded, seen, scale, slope, distance, scores);
        fold(
          scores,
          top,
          values,
          stride,
          padded,
          headDim,
          seen,
          accumulator,
          out + ((row * <usize>headDim) << 2),
          maxima + at,
          sums + at,
        );
      }
    }
    start += entries;
  }
}

@inline
export function padQuery(query: usize, source: usize, headDim: i32, padded: i32): void {
  setRow(query, source, false, headDim);
  for (let c = headDim; c < padded; c += 1) store<f32>(query + ((<usize>c) << 2), 0);
}

/** Scores of `seen` keys into `scores`, padded to a multiple of 4 with the lowest float; returns their maximum. */
@inline
export function score(
  query: usize,
  keys: usize,
  stride: usize,
  padded: i32,
  seen: i32,
  scale: f32,
  slope: f32,
  distance: i32,
  scores: usize,
): f32 {
  let i = 0;
  for (; i + 4 <= seen; i += 4) {
    const k0 = keys + <usize>i * stride;
    const k1 = k0 + stride;
    const k2 = k1 + stride;
    const k3 = k2 + stride;
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    for (let c: usize = 0; c < (<usize>padded) << 2; c += 16) {
      const q = v128.load(query + c);
      s0 = f32x4.add(s0, f32x4.mul(q, v128.load(k0 + c)));
      s1 = f32x4.add(s1, f32x4.mul(q, v128.load(k1 + c)));
      s2 = f32x4.add(s2, f32x4.mul(q, v128.load(k2 + c)));
      s3 = f32x4.add(s3, f32x4.mul(q, v128.load(k3 + c)));
    }
    // Transposed addition: lane j of the result is the sum of s_j.
    const t0 = f32x4.add(v128.shuffle<f32>(s0, s1, 0, 4, 1, 5), v128.shuffle<f32>(s0, s1, 2, 6, 3, 7));
    const t1 = f32x4.add(v128.shuffle<f32>(s2, s3, 0, 4, 1, 5), v128.shuffle<f32>(s2, s3, 2, 6, 3, 7));
    const sum = f32x4.add(v128.shuffle<f32>(t0, t1, 0, 1, 4, 5), v128.shuffle<f32>(t0, t1, 2, 3, 6, 7));
    const away = <f32>(distance - i);
    const away4 = f32x4.add(f32x4.splat(away), f32x4(0, -1, -2, -3));
    const biased = f32x4.sub(f32x4.mul(sum, f32x4.splat(scale)), f32x4.mul(f32x4.splat(slope), away4));
    v128.store(scores + ((<usize>i) << 2), biased);
  }
  for (; i < seen; i += 1) {
    const key = keys + <usize>i * stride;
    let s = f32x4.splat(0);
    for (let c: usize = 0; c < (<usize>padded) << 2; c += 16) {
      s = f32x4.add(s, f32x4.mul(v128.load(query + c), v128.load(key + c)));
    }
    store<f32>(scores + ((<usize>i) << 2), sum4(s) * scale - slope * <f32>(distance - i));
  }
  for (; (i & 3) != 0; i += 1) store<f32>(scores + ((<usize>i) << 2), lowest);
  let top = v128.load(scores);
  for (let j = 4; j < seen; j += 4) top = f32x4.max(top, v128.load(scores + ((<usize>j) << 2)));
  return max4(top);
}

/** Folds a block's scores and values into the running output, maximum and sum. */
@inline
function fold(
  scores: usize,
  top: f32,
  values: usize,
  stride: usize,
  padded: i32,
  headDim: i32,
  seen: i32,
  accumulator: usize,
  out: usize,
  maximum: usize,
  sum: usize,
): void {
  const before = load<f32>(maximum);
  const after = max(before, top);
  const shift = f32x4.splat(after);
  let total = f32x4.splat(0);
  for (let i = 0; i < seen; i += 4) {
    const at = scores + ((<usize>i) << 2);
    const weight = expNonPositive4(f32x4.sub(v128.load(at), shift));
    v128.store(at, weight);
    total = f32x4.add(total, weight);
  }
  const correction = exp1(before - after);
  store<f32>(maximum, after);
  store<f32>(sum, load<f32>(sum) * correction + sum4(total));

  const width = (<usize>padded) << 2;
  let c: usize = 0;
  for (; c + 64 <= width; c += 64) {
    let a0 = f32x4.splat(0);
    let a1 = f32x4.splat(0);
    let a2 = f32x4.splat(0);
    let a3 = f32x4.splat(0);
    let value = values + c;
    for (let i = 0; i < seen; i += 1) {
      const weight = v128.load32_splat(scores + ((<usize>i) << 2));
      a0 = f32x4.add(a0, f32x4.mul(weight, v128.load(value)));
      a1 = f32x4.add(a1, f32x4.mul(weight, v128.load(value, 16)));
      a2 = f32x4.add(a2, f32x4.mul(weight, v128.load(value, 32)));
      a3 = f32x4.add(a3, f32x4.mul(weight, v128.load(value, 48)));
      value += stride;
    }
    v128.store(accumulator + c, a0);
    v128.store(accumulator + c, a1, 16);
    v128.store(accumulator + c, a2, 32);
    v128.store(accumulator + c, a3, 48);
  }
  for (; c < width; c += 16) {
    let a0 = f32x4.splat(0);
    let value = values + c;
    for (let i = 0; i < seen; i += 1) {
      a0 = f32x4.add(a0, f32x4.mul(v128.load32_splat(scores + ((<usize>i) << 2)), v128.load(value)));
      value += stride;
    }
    v128.store(accumulator + c, a0);
  }
  const factor = f32x4.splat(correction);
  let j = 0;
  for (; j + 4 <= headDim; j += 4) {
    const at = (<usize>j) << 2;
    v128.store(out + at, f32x4.add(f32x4.mul(v128.load(out + at), factor), v128.load(accumulator + at)));
  }
  for (; j < headDim; j += 1) {
    const at = (<usize>j) << 2;
    store<f32>(out + at, load<f32>(out + at) * correction + load<f32>(accumulator + at));
  }
}
