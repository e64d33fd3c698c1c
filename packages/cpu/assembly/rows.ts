/** gatherRows and scatterAddRows: rows of a table by id, and sums back into it in a fixed order. */

import { expandBlocks, rowScaleBytes } from './block-scaled';
import { storageShift } from './storage';
import { argument, pass, runTasks } from './threads';
import { addRow, addScaled } from './vector';
import { expandWeightBlocks, weightBlockBytes } from './weight-blocks';

/** Numbers that are worth a task of their own. */
const taskNumbers: i32 = 16384;

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
  const step = max(1, taskNumbers / max(1, width));
  pass(0, <i32>pages);
  pass(1, <i32>scales);
  pass(2, rowsPerPage);
  pass(3, <i32>ids);
  pass(4, count);
  pass(5, stride);
  pass(6, offset);
  pass(7, width);
  pass(8, storage);
  pass(9, accumulate ? 1 : 0);
  pass(10, <i32>out);
  pass(11, step);
  runTasks(gatherTask, (count + step - 1) / step);
}

function gatherTask(task: i32): void {
  const pages = <usize>argument(0);
  const scales = <usize>argument(1);
  const rowsPerPage = argument(2);
  const ids = <usize>argument(3);
  const stride = argument(5);
  const offset = argument(6);
  const width = argument(7);
  const storage = argument(8);
  const accumulate = argument(9) != 0;
  const out = <usize>argument(10);
  const step = argument(11);
  const inBlocks = storage < 0;
  const rowBytes = inBlocks ? <usize>(width / 32) * weightBlockBytes(storage) : (<usize>width) << storageShift(storage);
  const end = min(argument(4), (task + 1) * step);
  for (let i = task * step; i < end; i += 1) {
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
    if (inBlocks) {
      expandWeightBlocks(target, source, storage, width / 32, accumulate);
      continue;
    }
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
