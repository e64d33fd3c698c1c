/** gatherRows and scatterAddRows: rows of a table by id, and sums back into it in a fixed order. */

import { addRow, addScaled } from './vector';

/**
 * out[i] (+)= row ids[i] · stride + offset; zeros for a negative id. `pages` points to the addresses of pages of
 * `rowsPerPage` rows; `half`: rows are f16.
 */
export function gatherRows(
  pages: usize,
  rowsPerPage: i32,
  ids: usize,
  count: i32,
  stride: i32,
  offset: i32,
  width: i32,
  half: bool,
  accumulate: bool,
  out: usize,
): void {
  const rowBytes = (<usize>width) << (half ? 1 : 2);
  for (let i = 0; i < count; i += 1) {
    const id = load<i32>(ids + ((<usize>i) << 2));
    const target = out + ((<usize>i * <usize>width) << 2);
    if (id < 0) {
      if (!accumulate) memory.fill(target, 0, (<usize>width) << 2);
      continue;
    }
    const row = id * stride + offset;
    const page = <usize>load<u32>(pages + ((<usize>(row / rowsPerPage)) << 2));
    const source = page + <usize>(row % rowsPerPage) * rowBytes;
    if (!accumulate && !half) {
      memory.copy(target, source, rowBytes);
      continue;
    }
    if (!accumulate) memory.fill(target, 0, (<usize>width) << 2);
    addRow(target, source, half, width);
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
