/** Matrices gone through a block of rows at a time, so that what is made of them is never there for all rows. */

import type { EagerOperations, Tensor } from '@inattention/core';

/** Numbers of a block, at most: 2 MiB. */
const blockNumbers = 2 ** 19;
/** Rows of a block, at least: fewer would make thin products. */
const fewestRows = 64;

/** Rows of a block of a matrix of this width. */
export function rowBlockLength(width: number): number {
  return Math.max(fewestRows, Math.floor(blockNumbers / width));
}

/** Shows the blocks of [rows, D] in turn, each in a scope, with a function that slices other matrices alike. */
export function eachRowBlock(
  operations: EagerOperations,
  matrix: Tensor,
  show: (block: Tensor, slice: (tensor: Tensor) => Tensor) => void,
): void {
  const [rows = 0, width = 1] = matrix.shape;
  const step = rowBlockLength(width);
  for (let start = 0; start < rows; start += step) {
    const count = Math.min(step, rows - start);
    operations.scope(() => {
      const slice = (tensor: Tensor) => operations.slice(tensor, start, count);
      show(slice(matrix), slice);
    });
  }
}
