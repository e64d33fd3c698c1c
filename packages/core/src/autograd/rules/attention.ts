/** Attention over dense keys and values; keeps log-sum-exp per query and head and recomputes the weights from it. */

import { denseContext, type EagerOperations } from '../../operations/eager-operations.ts';
import type { AttentionOptions } from '../../operations/operations.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';

export function attention(
  operations: EagerOperations,
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  { positions, firstPosition, scale, slopes }: AttentionOptions,
): Recorded {
  const slopeTensor = (run: EagerOperations) =>
    slopes === null ? null : run.upload(Float32Array.from(slopes), [slopes.length]);
  const [out, logSumExp] = operations.scope(() => {
    const view = denseContext(keys, values, firstPosition);
    const state = operations.attend(queries, positions, view, { scale, slopes: slopeTensor(operations) });
    return [state.out, operations.logSumExp(state)] as const;
  });
  return {
    output: out,
    saved: [logSumExp],
    backward: (run, gradient) => {
      const inputs = { queries, positions, keys, values, firstPosition, out, logSumExp, gradOut: gradient };
      const gradients = run.scope(() => {
        const result = run.attendBackward(inputs, { scale, slopes: slopeTensor(run) });
        return [result.queries, result.keys, result.values] as const;
      });
      return [...gradients];
    },
  };
}
