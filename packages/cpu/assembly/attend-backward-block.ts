/**
 * What one block of keys of one kv head adds to the gradients of attention (see attend-backward.ts): five products per tile
 * of queries, in the register blocks of register-block.ts. A row is one query of one head; the heads of a group follow each
 * other. Keys and values are packed once, scores and weights of a tile stay in a second-level cache.
 *
 * Weights of keys that a row does not see are 0, and products leave out what is 0 for all: keys beyond what two rows see,
 * rows before the first that sees a key.
 */

import { keyPanelWords, packedEntries, packKeys, packValues, panelHeadDim, valuePanelWords } from './attend-pack';
import { exponentials } from './exponentials';
import { oneRow, panelColumns, twoColumns, twoRows } from './register-block';
import { bias, padScores } from './softmax';
import { awaitTurn, giveTurn } from './threads';
import { addScaled, dot } from './vector';

/** Keys of a block. */
@inline
export const blockEntries: i32 = packedEntries;

/** Rows of a tile. */
@inline
const tileRows: i32 = 64;

/** Tiles of so many rows. */
@inline
export function tileCount(rows: i32): i32 {
  return (rows + tileRows - 1) / tileRows;
}

/** Words of scratch of one task. */
export function backwardScratchWords(headDim: i32): i32 {
  const width = panelHeadDim(headDim);
  const block = 2 * keyPanelWords(headDim) + valuePanelWords(headDim) + 2 * blockEntries * width + 2 * blockEntries;
  return block + 2 * valuePanelWords(headDim) + 2 * tileRows * blockEntries + tileRows * width + 3 * tileRows;
}

// Where a task's parts are: set at its beginning. One instance of the module works on one task at a time.
let keyPanels: usize = 0; // Kᵀ, by 16 keys
let valuePanels: usize = 0; // Vᵀ, by 16 keys
let keyColumns: usize = 0; // K, by 16 of its C columns
let keySums: usize = 0; // dK, [keys][C rounded up]
let valueSums: usize = 0; // dV
let addresses: usize = 0; // of rows to pack
let firstRows: usize = 0; // the first row of the tile that sees a key
let queryColumns: usize = 0; // Q of the tile, by 16 of its C columns
let gradColumns: usize = 0; // dO of the tile
let weights: usize = 0; // scores, then P, [rows][blockEntries]
let gradScores: usize = 0; // dO Vᵀ, then dS
let querySums: usize = 0; // what the block adds to dQ of the tile
let queryRows: usize = 0; // addresses
let gradRows: usize = 0;
let seens: usize = 0; // keys of the block that a row sees: the first so many

@inline
const weightBytes: usize = (<usize>blockEntries) << 2;

@inline
function wordAt(base: usize, place: i32): usize {
  return base + ((<usize>place) << 2);
}

@inline
function seenOf(r: i32): i32 {
  return load<i32>(wordAt(seens, r));
}

function placeParts(scratch: usize, headDim: i32): void {
  const width = panelHeadDim(headDim);
  keyPanels = scratch;
  valuePanels = wordAt(keyPanels, keyPanelWords(headDim));
  keyColumns = wordAt(valuePanels, keyPanelWords(headDim));
  keySums = wordAt(keyColumns, valuePanelWords(headDim));
  valueSums = wordAt(keySums, blockEntries * width);
  addresses = wordAt(valueSums, blockEntries * width);
  firstRows = wordAt(addresses, blockEntries);
  queryColumns = wordAt(firstRows, blockEntries);
  gradColumns = wordAt(queryColumns, valuePanelWords(headDim));
  weights = wordAt(gradColumns, valuePanelWords(headDim));
  gradScores = wordAt(weights, tileRows * blockEntries);
  querySums = wordAt(gradScores, tileRows * blockEntries);
  queryRows = wordAt(querySums, tileRows * width);
  gradRows = wordAt(queryRows, tileRows);
  seens = wordAt(gradRows, tileRows);
}

/** Adds to dQ, dK and dV what keys [block · blockEntries, …) of kv head g bring. */
export function backwardBlock(
  queries: usize,
  positions: usize,
  keys: usize,
  values: usize,
  slopes: usize,
  out: usize,
  logSumExp: usize,
  gradOut: usize,
  gradQueries: usize,
  gradKeys: usize,
  gradValues: usize,
  count: i32,
  heads: i32,
  entries: i32,
  kvHeads: i32,
  headDim: i32,
  firstPosition: i32,
  scale: f32,
  block: i32,
  g: i32,
  scratch: usize,
  turns: usize,
): void {
  const width = panelHeadDim(headDim);
  const group = heads / kvHeads;
  const start = block * blockEntries;
  const size = min(blockEntries, entries - start);
  placeParts(scratch, headDim);
  addressRows(values, start, size, kvHeads, g, headDim);
  packKeys(addresses, size, headDim, valuePanels);
  addressRows(keys, start, size, kvHeads, g, headDim);
  packKeys(addresses, size, headDim, keyPanels);
  packValues(addresses, size, headDim, keyColumns);
  memory.fill(keySums, 0, (<usize>(blockEntries * width)) << 2);
  memory.fill(valueSums, 0, (<usize>(blockEntries * width)) << 2);

  const allRows = count * group;
  const tiles = tileCount(allRows);
  for (let tile = 0; tile < tiles; tile += 1) {
    const first = tile * tileRows;
    const rows = min(tileRows, allRows - first);
    // How many keys a row sees, and where it lies.
    let most = 0;
    for (let r = 0; r < rows; r += 1) {
      const t = (first + r) / group;
      const row = t * heads + g * group + ((first + r) % group);
      const seen = max(0, min(size, load<i32>(wordAt(positions, t)) - firstPosition - start + 1));
      for (; most < seen; most += 1) store<i32>(wordAt(firstRows, most), r);
      store<i32>(wordAt(seens, r), seen);
      store<u32>(wordAt(queryRows, r), <u32>wordAt(queries, row * headDim));
      store<u32>(wordAt(gradRows, r), <u32>wordAt(gradOut, row * headDim));
    }
    if (most == 0) continue;
    packValues(queryRows, rows, headDim, queryColumns);
    packValues(gradRows, rows, headDim, gradColumns);
    multiplyByPanels(queryRows, keyPanels, weights, rows, most, headDim, scale);
    multiplyByPanels(gradRows, valuePanels, gradScores, rows, most, headDim, 1);
    for (let r = 0; r < rows; r += 1) {
      const t = (first + r) / group;
      const h = g * group + ((first + r) % group);
      const row = t * heads + h;
      const slope = slopes == 0 ? <f32>0 : load<f32>(wordAt(slopes, h));
      const distance = load<i32>(wordAt(positions, t)) - firstPosition - start;
      const along = dot(<usize>load<u32>(wordAt(gradRows, r)), wordAt(out, row * headDim), headDim);
      weighRow(r, most, slope, distance, load<f32>(wordAt(logSumExp, row)), along, scale);
    }
    addTransposed(weights, gradColumns, valueSums, rows, most, width);
    addTransposed(gradScores, queryColumns, keySums, rows, most, width);
    multiplyByKeys(rows, width);
    const turn = wordAt(turns, g * tiles + tile);
    awaitTurn(turn, block);
    for (let r = 0; r < rows; r += 1) {
      if (seenOf(r) == 0) continue;
      const row = ((first + r) / group) * heads + g * group + ((first + r) % group);
      addScaled(wordAt(gradQueries, row * headDim), wordAt(querySums, r * width), 1, headDim);
    }
    giveTurn(turn, block + 1);
  }

  for (let i = 0; i < size; i += 1) {
    const at = ((start + i) * kvHeads + g) * headDim;
    addScaled(wordAt(gradKeys, at), wordAt(keySums, i * width), 1, headDim);
    addScaled(wordAt(gradValues, at), wordAt(valueSums, i * width), 1, headDim);
  }
}

function addressRows(rows: usize, start: i32, size: i32, kvHeads: i32, g: i32, headDim: i32): void {
  for (let i = 0; i < size; i += 1) {
    store<u32>(wordAt(addresses, i), <u32>wordAt(rows, ((start + i) * kvHeads + g) * headDim));
  }
}

/** into[r, i] = factor · row r · entry i, for the panels of which row r, or its neighbour, sees anything. */
function multiplyByPanels(
  rowAddresses: usize,
  panels: usize,
  into: usize,
  rows: i32,
  most: i32,
  headDim: i32,
  factor: f32,
): void {
  for (let i = 0; i < most; i += panelColumns) {
    const panel = wordAt(panels, i * headDim);
    let target = wordAt(into, i);
    let r = 0;
    for (; r + 1 < rows; r += 2) {
      if (max(seenOf(r), seenOf(r + 1)) > i) {
        const row = <usize>load<u32>(wordAt(rowAddresses, r));
        const next = <usize>load<u32>(wordAt(rowAddresses, r + 1));
        twoRows(row, next, panel, target, weightBytes, headDim, factor, false);
      }
      target += 2 * weightBytes;
    }
    if (r < rows && seenOf(r) > i) {
      oneRow(<usize>load<u32>(wordAt(rowAddresses, r)), panel, target, headDim, factor, false);
    }
  }
}

/** Scores of row r into P, and dO Vᵀ into dS; 0 from what it does not see up to `most`, and the next even number. */
@inline
function weighRow(r: i32, most: i32, slope: f32, distance: i32, total: f32, along: f32, scale: f32): void {
  const seen = seenOf(r);
  const row = wordAt(weights, r * blockEntries);
  const grad = wordAt(gradScores, r * blockEntries);
  if (seen > 0) {
    if (slope != 0) bias(row, seen, 1, slope, distance);
    const end = padScores(row, seen);
    exponentials(row, end, total);
    const alongs = f32x4.splat(along);
    const scales = f32x4.splat(scale);
    for (let at: usize = 0; at < end - row; at += 16) {
      const slopes = f32x4.sub(v128.load(grad + at), alongs);
      v128.store(grad + at, f32x4.mul(f32x4.mul(v128.load(row + at), slopes), scales));
    }
  }
  const bytes = (<usize>(((most + 1) & ~1) - seen)) << 2;
  for (let at: usize = 0; at < bytes; at += 4) {
    store<f32>(wordAt(row, seen) + at, 0);
    store<f32>(wordAt(grad, seen) + at, 0);
  }
}

/** sums[i] += Σ_r factors[r, i] · row r, rows in panels of columns. */
function addTransposed(factors: usize, columns: usize, sums: usize, rows: i32, most: i32, width: i32): void {
  const sumBytes = (<usize>width) << 2;
  for (let c = 0; c < width; c += panelColumns) {
    const panel = wordAt(columns, c * packedEntries);
    let target = wordAt(sums, c);
    for (let i = 0; i < most; i += 2) {
      const r = load<i32>(wordAt(firstRows, i));
      const from = wordAt(factors, r * blockEntries + i);
      twoColumns(from, weightBytes, wordAt(panel, r * panelColumns), target, sumBytes, rows - r, 1, true);
      target += 2 * sumBytes;
    }
  }
}

/** querySums[r] = Σ_i dS[r, i] · key i. */
function multiplyByKeys(rows: i32, width: i32): void {
  const sumBytes = (<usize>width) << 2;
  for (let c = 0; c < width; c += panelColumns) {
    const panel = wordAt(keyColumns, c * packedEntries);
    let factors = gradScores;
    let target = wordAt(querySums, c);
    let r = 0;
    for (; r + 1 < rows; r += 2) {
      const depth = max(seenOf(r), seenOf(r + 1));
      twoRows(factors, factors + weightBytes, panel, target, sumBytes, depth, 1, false);
      factors += 2 * weightBytes;
      target += 2 * sumBytes;
    }
    if (r < rows) oneRow(factors, panel, target, seenOf(r), 1, false);
  }
}
