/**
 * A block of entries of a context view as tiled attention multiplies by it: in panels of 16 columns (see register-block.ts).
 * Keys lie transposed, 16 entries side by side, [entries / 16][C][16]; values 16 numbers side by side, [C / 16][entries][16],
 * missing ones 0. Dense f32 rows are packed from their pages, everything else is expanded first.
 */

import {
  blockAngles,
  blockPlaces,
  expandBlock,
  fieldHeadDim,
  fieldKeyPages,
  fieldKvHeads,
  fieldRowsPerPage,
  fieldValuePages,
  paddedHeadDim,
  readsInPlace,
  rowAddress,
} from './context-block';
import { panelColumns, transposeFour } from './register-block';
import { setRow } from './vector';

/** Entries of a block. */
@inline
export const packedEntries: i32 = 128;

/** C rounded up to whole panels. */
@inline
export function panelHeadDim(headDim: i32): i32 {
  return (headDim + panelColumns - 1) & ~(panelColumns - 1);
}

/** Words of packed keys. */
@inline
export function keyPanelWords(headDim: i32): i32 {
  return packedEntries * headDim;
}

/** Words of packed values. */
@inline
export function valuePanelWords(headDim: i32): i32 {
  return packedEntries * panelHeadDim(headDim);
}

/** Words that packing takes besides: expanded rows, their addresses, angles, places. */
@inline
export function packScratchWords(headDim: i32, window: i32): i32 {
  return packedEntries * (paddedHeadDim(headDim) + 1 + headDim + 2 * window);
}

/** Packs keys and values of kv head g, entries [start, start + entries). */
export function packBlock(
  view: usize,
  g: i32,
  start: i32,
  entries: i32,
  keyPanels: usize,
  valuePanels: usize,
  scratch: usize,
): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const expanded = scratch;
  const addresses = expanded + ((<usize>(packedEntries * paddedHeadDim(headDim))) << 2);
  if (readsInPlace(view)) {
    addressRows(view, fieldKeyPages, g, start, entries, addresses);
    packKeys(addresses, entries, headDim, keyPanels);
    addressRows(view, fieldValuePages, g, start, entries, addresses);
    packValues(addresses, entries, headDim, valuePanels);
    return;
  }
  const angles = addresses + ((<usize>packedEntries) << 2);
  const places = angles + ((<usize>(packedEntries * headDim)) << 2);
  blockAngles(view, start, entries, angles);
  blockPlaces(view, start, entries, places);
  for (let i = 0; i < entries; i += 1) {
    store<u32>(addresses + ((<usize>i) << 2), <u32>(expanded + ((<usize>(i * paddedHeadDim(headDim))) << 2)));
  }
  expandBlock(view, g, start, entries, true, angles, places, expanded);
  packKeys(addresses, entries, headDim, keyPanels);
  expandBlock(view, g, start, entries, false, angles, places, expanded);
  packValues(addresses, entries, headDim, valuePanels);
}

/** Addresses of one head of the rows of entries [start, start + entries), f32 as they are stored. */
function addressRows(view: usize, field: usize, g: i32, start: i32, entries: i32, addresses: usize): void {
  const headBytes = (<usize>load<i32>(view + fieldHeadDim)) << 2;
  const rowBytes = <usize>load<i32>(view + fieldKvHeads) * headBytes;
  const pages = <usize>load<u32>(view + field);
  const rowsPerPage = load<i32>(view + fieldRowsPerPage);
  for (let i = 0; i < entries; i += 1) {
    const row = rowAddress(pages, rowsPerPage, start + i, rowBytes, <usize>g * headBytes);
    store<u32>(addresses + ((<usize>i) << 2), <u32>row);
  }
}

@inline
function addressAt(addresses: usize, i: i32): usize {
  return <usize>load<u32>(addresses + ((<usize>i) << 2));
}

/**
 * Rows of C floats, by address, transposed into panels of 16 rows. Columns beyond the last row repeat it: what comes of them
 * is never read.
 */
export function packKeys(addresses: usize, entries: i32, headDim: i32, panels: usize): void {
  const last = entries - 1;
  const columns = (entries + panelColumns - 1) & ~(panelColumns - 1);
  for (let i = 0; i < columns; i += 4) {
    const panel = panels + ((<usize>((i & ~(panelColumns - 1)) * headDim + (i & (panelColumns - 1)))) << 2);
    transposeFour(
      addressAt(addresses, min(i, last)),
      addressAt(addresses, min(i + 1, last)),
      addressAt(addresses, min(i + 2, last)),
      addressAt(addresses, min(i + 3, last)),
      panel,
      headDim,
    );
  }
}

/** At most `packedEntries` rows of C floats, by address, in panels of 16 of their floats; missing ones are 0. */
export function packValues(addresses: usize, entries: i32, headDim: i32, panels: usize): void {
  const panelBytes = (<usize>(packedEntries * panelColumns)) << 2;
  const rest = headDim & (panelColumns - 1);
  const whole = headDim - rest;
  for (let i = 0; i < entries; i += 1) {
    const row = addressAt(addresses, i);
    let target = panels + ((<usize>(i * panelColumns)) << 2);
    for (let c = 0; c < whole; c += panelColumns) {
      const at = row + ((<usize>c) << 2);
      v128.store(target, v128.load(at));
      v128.store(target, v128.load(at, 16), 16);
      v128.store(target, v128.load(at, 32), 32);
      v128.store(target, v128.load(at, 48), 48);
      target += panelBytes;
    }
    if (rest == 0) continue;
    setRow(target, row + ((<usize>whole) << 2), false, rest);
    for (let c = rest; c < panelColumns; c += 1) store<f32>(target + ((<usize>c) << 2), 0);
  }
}
