/**
 * Attention of T queries over entries of a context view: a few queries are decoded one by one, more are taken in tiles.
 *
 * Measured against the rate of a matrix product (512³) of the same run, 2,048 queries and entries, 12 heads of 64: one query
 * at a time over rows of keys and values as they lie 0.38; tiles as products of packed panels 0.64; maxima of one instruction
 * 0.71; exponentials in base 2, their constants in registers 0.76.
 */

import { attendTile, tileRows, tileScratchWords } from './attend-tile';
import { fieldHeadDim, fieldKvHeads, fieldWindow } from './context-block';
import { decode, decodeScratchWords, decodes } from './decode';
import { lowest } from './softmax';
import { argument, floatArgument, pass, passFloat, runTasks, threadCount, threadIndex } from './threads';
import { scaleInto } from './vector';

/** Queries that are decoded one by one rather than in tiles. */
const fewQueries: i32 = 3;

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
  if (count <= fewQueries && decodes(view)) {
    beginRows(out, maxima, sums, count * heads, headDim, accumulate);
    for (let t = 0; t < count; t += 1) {
      const row = <usize>(t * heads) << 2;
      const query = queries + row * <usize>headDim;
      const position = load<i32>(positions + ((<usize>t) << 2));
      const target = out + row * <usize>headDim;
      decode(query, position, view, slopes, target, maxima + row, sums + row, heads, from, to, scale, slots, scratch);
    }
    finishRows(out, sums, count * heads, headDim);
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
    pass(13, accumulate ? 1 : 0);
    const kvHeads = load<i32>(view + fieldKvHeads);
    const tiles = (count * (heads / kvHeads) + tileRows - 1) / tileRows;
    runTasks(attendTileTask, tiles * kvHeads);
  }
}

/** One tile of rows, one kv head. The last tile, whose queries see most, is task number highest: it is begun first. */
function attendTileTask(task: i32): void {
  const view = <usize>argument(2);
  const kvHeads = load<i32>(view + fieldKvHeads);
  const heads = argument(8);
  const rows = argument(7) * (heads / kvHeads);
  const first = (task / kvHeads) * tileRows;
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
    min(rows, first + tileRows),
    heads,
    task % kvHeads,
    argument(9),
    argument(10),
    floatArgument(11),
    argument(13) != 0,
    <usize>argument(12) + ((<usize>(threadIndex() * words)) << 2),
  );
}

/** Running outputs are kept unnormalised; nothing seen: lowest, 0, 0. */
export function beginRows(out: usize, maxima: usize, sums: usize, rows: i32, headDim: i32, accumulate: bool): void {
  for (let r = 0; r < rows; r += 1) {
    const at = (<usize>r) << 2;
    const row = out + ((<usize>r * <usize>headDim) << 2);
    if (!accumulate) {
      store<f32>(maxima + at, lowest);
      store<f32>(sums + at, 0);
      memory.fill(row, 0, (<usize>headDim) << 2);
    } else {
      scaleInto(row, row, load<f32>(sums + at), headDim);
    }
  }
}

export function finishRows(out: usize, sums: usize, rows: i32, headDim: i32): void {
  for (let r = 0; r < rows; r += 1) {
    const row = out + ((<usize>r * <usize>headDim) << 2);
    const sum = load<f32>(sums + ((<usize>r) << 2));
    if (sum != 0) scaleInto(row, row, <f32>1 / sum, headDim);
  }
}
