/** a ⊙ b: each factor's gradient is the gradient times the other factor, summed over repetition. */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';
import { sumToShape } from './sum-to-shape.ts';

export function multiply(operations: EagerOperations, a: Tensor, b: Tensor): Recorded {
  return {
    output: operations.multiply(a, b),
    backward: (run, gradient, [wantA, wantB]) => [
      wantA ? run.multiply(gradient, b) : null,
      wantB ? sumToShape(run, run.multiply(gradient, a), b.shape) : null,
    ],
  };
}

/** factor · x. */
export function scale(operations: EagerOperations, input: Tensor, factor: number): Recorded {
  return {
    output: operations.scale(input, factor),
    backward: (run, gradient) => [run.scale(gradient, factor)],
  };
}
