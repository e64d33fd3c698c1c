/** Cross-entropy per row; keeps log-sum-exp of each row. */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { IndexTensor } from '../../operations/index-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';

export function crossEntropy(operations: EagerOperations, logits: Tensor, targets: IndexTensor): Recorded {
  const { nll, logSumExp } = operations.crossEntropyWithLogSumExp(logits, targets);
  return {
    output: nll,
    saved: [logSumExp],
    backward: (run, gradient) => [run.crossEntropyBackward(logits, targets, logSumExp, gradient)],
  };
}
