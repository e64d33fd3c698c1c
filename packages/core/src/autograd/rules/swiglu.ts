/** silu(gate) ⊙ up. */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';

export function swiglu(operations: EagerOperations, gate: Tensor, up: Tensor): Recorded {
  return {
    output: operations.swiglu(gate, up),
    backward: (run, gradient) => {
      const gradients = run.swigluBackward(gate, up, gradient);
      return [gradients.gate, gradients.up];
    },
  };
}
