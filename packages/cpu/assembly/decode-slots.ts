/**
 * The slots of a segment of positions, numbered 0 … U−1 in the order of their appearance, and where their rows are; number U
 * stands for "before the start", with rows of zeros. Everything lies in one thread's scratch.
 */

import {
  fieldHalf,
  fieldHeadDim,
  fieldIndexPages,
  fieldKvHeads,
  fieldPageLength,
  fieldRowsPerPage,
  fieldScalePages,
  fieldWindow,
  paged,
  rowAddress,
} from './context-block';
import { setRow } from './vector';

/** Number of slots U of the segment. */
export const slotCount: usize = 0;
/** Where the parts of the scratch are: byte offsets, written by numberSlots. */
export const partSlots: usize = 4;
export const partRows: usize = 8;
export const partPerRow: usize = 12;
export const partScales: usize = 16;
export const partFloats: usize = 20;
export const partOrder: usize = 24;
/** Number of the slot of each position, w − 1 positions before the segment first. */
export const partNumbers: usize = 32;

/** Positions expanded together: one load of the query serves all. */
@inline
export const together: i32 = 4;

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
export function rowStride(known: i32, window: i32): i32 {
  return (known + 1) * window + 3;
}

@inline
export function part(scratch: usize, field: usize): usize {
  return scratch + <usize>load<u32>(scratch + field);
}

/** Addresses of the rows of all numbered slots, [U · w]. */
export function locateRows(view: usize, pages: usize, scratch: usize): void {
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
export function floatRow(rows: usize, row: i32, width: i32, half: bool, floats: usize): usize {
  const address = <usize>load<u32>(rows + ((<usize>row) << 2));
  if (!half) return address;
  setRow(floats, address, true, width);
  return floats;
}
