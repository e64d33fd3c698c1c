/** The mean of all elements: each receives 1/size of the gradient. */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';

export function mean(operations: EagerOperations, input: Tensor): Recorded {
  return {
    output: operations.mean(input),
    backward: (run, gradient) => [
      run.scope(() => run.add(run.zeros(input.shape), run.scale(gradient, 1 / input.size))),
    ],
  };
}
