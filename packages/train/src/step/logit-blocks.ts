/**
 * Logits of many rows, a block of rows at a time: never are there more than a block's. What a loss makes of them is made
 * while they live.
 *
 * Shape letters: n rows, D hidden size, V vocabulary.
 */

import { type EagerOperations, IndexTensor, type Tensor } from '@inattention/core';

/** Logits of a block, at most: 8 MiB. */
const blockLogits = 2 ** 21;
/** Rows of a block, at least: fewer would make thin products. */
const fewestRows = 64;

export interface LogitBlock {
  /** Hidden states, [rows, D]. */
  readonly rows: Tensor;
  readonly targets: IndexTensor;
  /** [rows, V] */
  readonly logits: Tensor;
  /** The same rows of another matrix of n. */
  slice(tensor: Tensor): Tensor;
}

/** Shows the logits of hidden states [n, D] under a head [V, D] block by block, each in a scope. */
export function eachLogitBlock(
  operations: EagerOperations,
  hidden: Tensor,
  head: Tensor,
  targets: IndexTensor,
  show: (block: LogitBlock) => void,
): void {
  const count = hidden.shape[0] as number;
  const width = head.shape[0] as number;
  const step = Math.max(fewestRows, Math.floor(blockLogits / width));
  for (let start = 0; start < count; start += step) {
    const length = Math.min(step, count - start);
    operations.scope(() => {
      const slice = (tensor: Tensor) => operations.slice(tensor, start, length);
      const rows = slice(hidden);
      const ids = IndexTensor.over(targets.values.subarray(start, start + length), slice(targets.tensor));
      show({ rows, targets: ids, logits: operations.linear(rows, head), slice });
    });
  }
}
