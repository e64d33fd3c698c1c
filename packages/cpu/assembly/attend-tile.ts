/**
 * Attention of a tile of rows over a range of entries, by online softmax (Dao et al., arXiv 2205.14135): block by block, no
 * score matrix. A row is one query of one head; the heads of a group follow each other, so that what is packed serves them all.
 *
 * Per block: scores as a product with packed keys, weights row by row, values as a product with packed values. Future entries
 * cost at most what fills a panel, and a weight never meets a value that its query does not see.
 */

import { keyPanelWords, packBlock, packedEntries, packScratchWords, panelHeadDim, valuePanelWords } from './attend-pack';
import { fieldFirstPosition, fieldHeadDim, fieldKvHeads, fieldWindow } from './context-block';
import { oneRow, panelColumns, twoRows } from './register-block';
import { bias, foldScores, lowest } from './softmax';
import { scaleInto, setRow } from './vector';

/** Rows of a tile. */
@inline
export const tileRows: i32 = 128;

/** What is kept of a row, 32-bit words each: distance of entry 0, slope, running maximum and sum, entries seen of a block. */
@inline
const rowWords: i32 = 5;

/** Words of scratch of one tile: queries, sums of values, scores, panels, facts of rows, and what packing takes. */
export function tileScratchWords(headDim: i32, window: i32): i32 {
  const rows = tileRows * (headDim + panelHeadDim(headDim) + packedEntries + rowWords);
  return rows + keyPanelWords(headDim) + valuePanelWords(headDim) + packScratchWords(headDim, window);
}

// Where a tile's parts are: set at its beginning, the same within it. One instance of the module works on one tile at a time.
let tileQueries: usize = 0;
let tileSums: usize = 0;
let tileScores: usize = 0;
let tileKeys: usize = 0;
let tileValues: usize = 0;
let distances: usize = 0;
let rowSlopes: usize = 0;
let rowMaxima: usize = 0;
let rowSums: usize = 0;
let seens: usize = 0;

@inline
function wordAt(base: usize, place: i32): usize {
  return base + ((<usize>place) << 2);
}

/** Rows [first, last) of kv head g: row r is query r / (H/G), head g · H/G + r % (H/G). */
export function attendTile(
  queries: usize,
  positions: usize,
  view: usize,
  slopes: usize,
  out: usize,
  maxima: usize,
  sums: usize,
  first: i32,
  last: i32,
  heads: i32,
  g: i32,
  from: i32,
  to: i32,
  scale: f32,
  accumulate: bool,
  scratch: usize,
): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const width = panelHeadDim(headDim);
  const group = heads / load<i32>(view + fieldKvHeads);
  const rows = last - first;
  tileQueries = scratch;
  tileSums = wordAt(tileQueries, tileRows * headDim);
  tileScores = wordAt(tileSums, tileRows * width);
  tileKeys = wordAt(tileScores, tileRows * packedEntries);
  tileValues = wordAt(tileKeys, keyPanelWords(headDim));
  distances = wordAt(tileValues, valuePanelWords(headDim));
  rowSlopes = wordAt(distances, tileRows);
  rowMaxima = wordAt(rowSlopes, tileRows);
  rowSums = wordAt(rowMaxima, tileRows);
  seens = wordAt(rowSums, tileRows);
  const packScratch = wordAt(seens, tileRows);

  const firstPosition = load<i32>(view + fieldFirstPosition);
  let farthest = -1;
  for (let r = 0; r < rows; r += 1) {
    const t = (first + r) / group;
    const h = g * group + (first + r) % group;
    const row = t * heads + h;
    const distance = load<i32>(wordAt(positions, t)) - firstPosition;
    farthest = max(farthest, distance);
    store<i32>(wordAt(distances, r), distance);
    store<f32>(wordAt(rowSlopes, r), slopes == 0 ? <f32>0 : load<f32>(wordAt(slopes, h)));
    setRow(wordAt(tileQueries, r * headDim), wordAt(queries, row * headDim), false, headDim);
    const sum = accumulate ? load<f32>(wordAt(sums, row)) : <f32>0;
    store<f32>(wordAt(rowMaxima, r), accumulate ? load<f32>(wordAt(maxima, row)) : lowest);
    store<f32>(wordAt(rowSums, r), sum);
    memory.fill(wordAt(tileSums, r * width), 0, (<usize>width) << 2);
    if (sum != 0) scaleInto(wordAt(tileSums, r * width), wordAt(out, row * headDim), sum, headDim);
  }

  const end = min(to, farthest + 1);
  for (let start = from; start < end; start += packedEntries) {
    const entries = min(packedEntries, end - start);
    packBlock(view, g, start, entries, tileKeys, tileValues, packScratch);
    for (let r = 0; r < rows; r += 1) {
      const seen = load<i32>(wordAt(distances, r)) - start + 1;
      store<i32>(wordAt(seens, r), max(0, min(entries, seen)));
    }
    scoreRows(rows, entries, headDim, scale);
    for (let r = 0; r < rows; r += 1) weighRow(r, start, width);
    addValues(rows, width);
  }

  for (let r = 0; r < rows; r += 1) {
    const row = ((first + r) / group) * heads + g * group + ((first + r) % group);
    const sum = load<f32>(wordAt(rowSums, r));
    store<f32>(wordAt(maxima, row), load<f32>(wordAt(rowMaxima, r)));
    store<f32>(wordAt(sums, row), sum);
    const factor = sum == 0 ? <f32>0 : <f32>1 / sum;
    scaleInto(wordAt(out, row * headDim), wordAt(tileSums, r * width), factor, headDim);
  }
}

@inline
function seenOf(r: i32): i32 {
  return load<i32>(wordAt(seens, r));
}

/** scores[r, i] = scale · query r · key i, for the panels of which row r, or its neighbour, sees anything. */
function scoreRows(rows: i32, entries: i32, headDim: i32, scale: f32): void {
  const scoreBytes = (<usize>packedEntries) << 2;
  const queryBytes = (<usize>headDim) << 2;
  for (let i = 0; i < entries; i += panelColumns) {
    const panel = wordAt(tileKeys, i * headDim);
    let query = tileQueries;
    let target = wordAt(tileScores, i);
    let r = 0;
    for (; r + 1 < rows; r += 2) {
      if (max(seenOf(r), seenOf(r + 1)) > i) {
        twoRows(query, query + queryBytes, panel, target, scoreBytes, headDim, scale, false);
      }
      query += 2 * queryBytes;
      target += 2 * scoreBytes;
    }
    if (r < rows && seenOf(r) > i) oneRow(query, panel, target, headDim, scale, false);
  }
}

/** Scores of row r into weights; what its maximum was before no longer counts as much. */
@inline
function weighRow(r: i32, start: i32, width: i32): void {
  const seen = seenOf(r);
  if (seen == 0) return;
  const scores = wordAt(tileScores, r * packedEntries);
  const slope = load<f32>(wordAt(rowSlopes, r));
  if (slope != 0) bias(scores, seen, 1, slope, load<i32>(wordAt(distances, r)) - start);
  const factor = foldScores(scores, seen, wordAt(rowMaxima, r), wordAt(rowSums, r));
  const row = wordAt(tileSums, r * width);
  if (factor != 1) scaleInto(row, row, factor, width);
}

/** sums[r] += Σ weight[r, i] value[i] over the entries that row r sees. */
function addValues(rows: i32, width: i32): void {
  const scoreBytes = (<usize>packedEntries) << 2;
  const sumBytes = (<usize>width) << 2;
  for (let c = 0; c < width; c += panelColumns) {
    const panel = wordAt(tileValues, c * packedEntries);
    let weights = tileScores;
    let target = wordAt(tileSums, c);
    let r = 0;
    for (; r + 1 < rows; r += 2) {
      const seen = seenOf(r);
      const other = seenOf(r + 1);
      const both = min(seen, other);
      if (both > 0) twoRows(weights, weights + scoreBytes, panel, target, sumBytes, both, 1, true);
      const beyond = wordAt(panel, both * panelColumns);
      if (seen > both) oneRow(wordAt(weights, both), beyond, target, seen - both, 1, true);
      if (other > both) oneRow(wordAt(weights + scoreBytes, both), beyond, target + sumBytes, other - both, 1, true);
      weights += 2 * scoreBytes;
      target += 2 * sumBytes;
    }
    if (r < rows && seenOf(r) > 0) oneRow(weights, panel, target, seenOf(r), 1, true);
  }
}
