/** y = x Wᵀ: dx = dy W, dW = dyᵀ x. */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';

export function linear(operations: EagerOperations, input: Tensor, weight: Tensor): Recorded {
  const [columns = 0, inner = 0] = weight.shape;
  return {
    output: operations.linear(input, weight),
    backward: (run, gradient, [wantInput, wantWeight]) => {
      const rows = input.size / inner;
      const forInput = () => {
        const flat = run.reshape(gradient, [rows, columns]);
        return run.reshape(run.matmul(flat, weight), input.shape);
      };
      const forWeight = () => {
        const flat = run.reshape(gradient, [rows, columns]);
        return run.matmul(flat, run.reshape(input, [rows, inner]), { transposeA: true });
      };
      return [wantInput ? run.scope(forInput) : null, wantWeight ? run.scope(forWeight) : null];
    },
  };
}
