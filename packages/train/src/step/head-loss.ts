/**
 * The loss behind the output projection: factor · Σ −log softmax(h W_Uᵀ)[target]. Logits exist for a block of rows at a
 * time, and are never kept: since the loss is a plain sum, the gradient of each block's logits is known as soon as they
 * are, so that the gradients of h and W_U are added up on the way forward and no logits are computed twice.
 *
 * Shape letters: n rows, D hidden size, V vocabulary.
 */

import type { EagerOperations, IndexTensor, Tensor } from '@inattention/core';
import type { Recorded } from '@inattention/core/autograd';
import { eachLogitBlock, type LogitBlock } from './logit-blocks.ts';
import { productInto } from './product.ts';

/** For which of its inputs a loss is differentiated. */
export interface WantedGradients {
  readonly hidden: boolean;
  readonly head: boolean;
}

/** factor · Σ loss of hidden states [n, D] under a head [V, D], as a scalar, and how it is differentiated. */
export function headLoss(
  operations: EagerOperations,
  hidden: Tensor,
  head: Tensor,
  targets: IndexTensor,
  factor: number,
  wanted: WantedGradients,
): Recorded {
  return lossWithGradients(operations, hidden, head, targets, wanted, (block, total) => {
    const logSumExp = addCrossEntropy(operations, block, factor, total);
    const gradNll = operations.full([block.targets.length], factor);
    return operations.crossEntropyBackward(block.logits, block.targets, logSumExp, gradNll);
  });
}

/** Σ loss of hidden states [n, D] under a head [V, D], as a scalar, without gradients. */
export function headLossValue(operations: EagerOperations, hidden: Tensor, head: Tensor, targets: IndexTensor): Tensor {
  return operations.scope(() => {
    const total = operations.zeros([]);
    eachLogitBlock(operations, hidden, head, targets, (block) => addCrossEntropy(operations, block, 1, total));
    return total;
  });
}

/** Adds factor · Σ −log softmax(logits)[target] to `total`; returns the log-sum-exp of each row. */
export function addCrossEntropy(
  operations: EagerOperations,
  { logits, targets }: LogitBlock,
  factor: number,
  total: Tensor,
): Tensor {
  const { nll, logSumExp } = operations.crossEntropyWithLogSumExp(logits, targets);
  operations.addInto(total, operations.scale(operations.sum(nll, 0), factor));
  return logSumExp;
}

/**
 * A loss that is a sum over rows, and its gradients for h and W_U: `addBlock` adds a block's part to the total, and returns
 * the gradient of the block's logits.
 */
export function lossWithGradients(
  operations: EagerOperations,
  hidden: Tensor,
  head: Tensor,
  targets: IndexTensor,
  wanted: WantedGradients,
  addBlock: (block: LogitBlock, total: Tensor) => Tensor,
): Recorded {
  const {
    loss,
    forHidden = null,
    forHead = null,
  } = operations.scope((): Sums => {
    const sums: Sums = {
      loss: operations.zeros([]),
      ...(wanted.hidden && { forHidden: operations.allocate(hidden.shape) }),
      ...(wanted.head && { forHead: operations.zeros(head.shape, 'gradients') }),
    };
    eachLogitBlock(operations, hidden, head, targets, (block) => {
      const gradLogits = addBlock(block, sums.loss);
      if (sums.forHidden !== undefined) productInto(operations, block.slice(sums.forHidden), gradLogits, head);
      if (sums.forHead !== undefined) {
        productInto(operations, sums.forHead, gradLogits, block.rows, { transposeA: true, accumulate: true });
      }
    });
    return sums;
  });
  return {
    output: loss,
    saved: [forHidden, forHead].filter((tensor) => tensor !== null),
    backward: (run, gradient) =>
      [forHidden, forHead].map((saved) => (saved === null ? null : scaled(run, saved, gradient))),
  };
}

type Sums = { readonly loss: Tensor; readonly forHidden?: Tensor; readonly forHead?: Tensor };

/** What was saved, times a scalar, in place: it is asked for once. */
function scaled(operations: EagerOperations, saved: Tensor, factor: Tensor): Tensor {
  const broadcast = { length: 1, stride: 1 };
  operations.backend.primitives.multiply({ a: saved, b: factor, broadcast, out: saved });
  return operations.reshape(saved, saved.shape);
}
