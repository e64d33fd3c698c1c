/**
 * How a matrix of weights is stored, and its rows as floats: 0 f32, 1 f16, above i8 in blocks of so many elements, each
 * with a scale (block-scaled.ts), below q4_1 and q8_0 (weight-blocks.ts; their products are in matmul-blocks.ts).
 */

import { expandBlocks, rowScaleBytes } from './block-scaled';
import { setRow } from './vector';

/** log₂ of the bytes of an element; not of q4_1 and q8_0. */
@inline
export function storageShift(storage: i32): usize {
  return storage == 0 ? 2 : storage == 1 ? 1 : 0;
}

/** The scales of row `row` of a matrix whose rows have `inner` elements. */
@inline
export function rowScales(scales: usize, storage: i32, inner: i32, row: i32): usize {
  return storage > 1 ? scales + <usize>row * rowScaleBytes(inner, storage) : scales;
}

/** Elements [first, first + length) of a row as f32 into `out`; `elements` points to the first, `scales` to the row's. */
export function expandRow(
  out: usize,
  elements: usize,
  storage: i32,
  scales: usize,
  first: i32,
  length: i32,
): void {
  if (storage > 1) expandBlocks(out, elements, scales, first, length, storage, false);
  else setRow(out, elements, storage == 1, length);
}
