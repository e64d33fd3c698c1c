/** gatherRows and scatterAddRows: rows of a table by id, and sums back into it in a fixed order. */

import { expandBlocks, rowScaleBytes } from './block-scaled';
import { storageShift } from './storage';
import { addRow, addScaled } from './vector';

/**
 * out[i] (+)= row ids[i] · stride + offset; zeros for a negative id. `pages` points to the addresses of pages of
 * `rowsPerPage` rows, stored as storage.ts says; `scales` to the addresses of their scales where rows are in blocks.
 */
export function gatherRows(
  pages: usize,
  scales: usize,
  rowsPerPage: i32,
  ids: usize,
  count: i32,
  stride: i32,
  offset: i32,
  width: i32,
  storage: i32,
  accumulate: bool,
  out: usize,
): void {
  const rowBytes = (<usize>width) << storageShift(storage);
  for (let i = 0; i < count; i += 1) {
    const id = load<i32>(ids + ((<usize>i) << 2));
    const target = out + ((<usize>i * <usize>width) << 2);
    if (id < 0) {
      if (!accumulate) memory.fill(target, 0, (<usize>width) << 2);
      continue;
    }
    const row = id * stride + offset;
    const page = (<usize>(row / rowsPerPage)) << 2;
    const inPage = <usize>(row % rowsPerPage);
    const source = <usize>load<u32>(pages + page) + inPage * rowBytes;
    if (storage > 1) {
      const own = <usize>load<u32>(scales + page) + inPage * rowScaleBytes(width, storage);
      expandBlocks(target, source, own, 0, width, storage, accumulate);
      continue;
    }
    if (!accumulate && storage == 0) {
      memory.copy(target, source, rowBytes);
      continue;
    }
    if (!accumulate) memory.fill(target, 0, (<usize>width) << 2);
    addRow(target, source, storage == 1, width);
  }
}

export function scatterAddRows(
  source: usize,
  rows: usize,
  starts: usize,
  order: usize,
  count: i32,
  width: i32,
  out: usize,
): void {
  for (let u = 0; u < count; u += 1) {
    const at = (<usize>u) << 2;
    const target = out + ((<usize>load<i32>(rows + at) * <usize>width) << 2);
    const end = load<i32>(starts + at, 4);
    for (let s = load<i32>(starts + at); s < end; s += 1) {
      const position = load<i32>(order + ((<usize>s) << 2));
      addScaled(target, source + ((<usize>position * <usize>width) << 2), 1, width);
    }
  }
}
