/** How a matrix of weights is stored, and its rows as floats: 0 f32, 1 f16. */

import { setRow } from './vector';

/** log₂ of the bytes of an element. */
@inline
export function storageShift(storage: i32): usize {
  return storage == 0 ? 2 : 1;
}

/**
 * Elements [0, length) of `row` as f32 into `out`. `scales` are those of the whole matrix and `first` the row's first element
 * in it, for storage with a scale per block.
 */
export function expandRow(out: usize, row: usize, storage: i32, scales: usize, first: i32, length: i32): void {
  setRow(out, row, storage == 1, length);
}
