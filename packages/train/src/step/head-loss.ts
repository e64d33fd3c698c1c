/**
 * The loss behind the output projection: factor · Σ −log softmax(h W_Uᵀ)[target]. Logits exist for a block of rows at a
 * time, and are never kept: since the loss is a plain sum, the gradient of each block's logits is known as soon as they
 * are, so that the gradients of h and W_U are added up on the way forward and no logits are computed twice.
 *
 * Shape letters: n rows, D hidden size, V vocabulary.
 */

import { type EagerOperations, IndexTensor, type Tensor } from '@inattention/core';
import type { Recorded } from '@inattention/core/autograd';
import { productInto } from './product.ts';

/** Logits of a block, at most: 8 MiB. */
const blockLogits = 2 ** 21;
/** Rows of a block, at least: fewer would make thin products. */
const fewestRows = 64;

/** factor · Σ loss of hidden states [n, D] under a head [V, D], as a scalar, and how it is differentiated. */
export function headLoss(
  operations: EagerOperations,
  hidden: Tensor,
  head: Tensor,
  targets: IndexTensor,
  factor: number,
): Recorded {
  const [loss, gradHidden, gradHead] = operations.scope(() => {
    const total = operations.zeros([]);
    const forHidden = operations.allocate(hidden.shape);
    const forHead = operations.zeros(head.shape, 'gradients');
    eachBlock(operations, hidden, head, targets, factor, total, ({ logits, rows, targets: ids, logSumExp, start }) => {
      const gradNll = operations.full([ids.length], factor);
      const gradLogits = operations.crossEntropyBackward(logits, ids, logSumExp, gradNll);
      productInto(operations, operations.slice(forHidden, start, ids.length), gradLogits, head);
      productInto(operations, forHead, gradLogits, rows, { transposeA: true, accumulate: true });
    });
    return [total, forHidden, forHead] as const;
  });
  return {
    output: loss,
    saved: [gradHidden, gradHead],
    backward: (run, gradient, [wantHidden, wantHead]) => [
      wantHidden ? scaled(run, gradHidden, gradient) : null,
      wantHead ? scaled(run, gradHead, gradient) : null,
    ],
  };
}

/** What was saved, times a scalar, in place: it is asked for once. */
function scaled(operations: EagerOperations, saved: Tensor, factor: Tensor): Tensor {
  const broadcast = { length: 1, stride: 1 };
  operations.backend.primitives.multiply({ a: saved, b: factor, broadcast, out: saved });
  return operations.reshape(saved, saved.shape);
}

/** Σ loss of hidden states [n, D] under a head [V, D], as a scalar, without gradients. */
export function headLossValue(operations: EagerOperations, hidden: Tensor, head: Tensor, targets: IndexTensor): Tensor {
  return operations.scope(() => {
    const total = operations.zeros([]);
    eachBlock(operations, hidden, head, targets, 1, total, () => undefined);
    return total;
  });
}

interface Block {
  /** The first of its rows. */
  readonly start: number;
  /** Hidden states, [rows, D]. */
  readonly rows: Tensor;
  readonly targets: IndexTensor;
  /** [rows, V] */
  readonly logits: Tensor;
  /** [rows] */
  readonly logSumExp: Tensor;
}

/** Adds factor · Σ loss to `total` block by block, and shows each block while its logits live. */
function eachBlock(
  operations: EagerOperations,
  hidden: Tensor,
  head: Tensor,
  targets: IndexTensor,
  factor: number,
  total: Tensor,
  show: (block: Block) => void,
): void {
  const count = hidden.shape[0] as number;
  const width = head.shape[0] as number;
  const step = Math.max(fewestRows, Math.floor(blockLogits / width));
  for (let start = 0; start < count; start += step) {
    const length = Math.min(step, count - start);
    operations.scope(() => {
      const rows = operations.slice(hidden, start, length);
      const ids = IndexTensor.over(
        targets.values.subarray(start, start + length),
        operations.slice(targets.tensor, start, length),
      );
      const logits = operations.linear(rows, head);
      const { nll, logSumExp } = operations.crossEntropyWithLogSumExp(logits, ids);
      operations.addInto(total, operations.scale(operations.sum(nll, 0), factor));
      show({ start, rows, targets: ids, logits, logSumExp });
    });
  }
}
