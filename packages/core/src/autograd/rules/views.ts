/** reshape and slice: the same bytes seen otherwise; the gradient goes back to where they came from. */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';

export function reshape(operations: EagerOperations, input: Tensor, shape: Shape): Recorded {
  return {
    output: operations.reshape(input, shape),
    backward: (run, gradient) => [run.scope(() => run.reshape(run.copy(gradient), input.shape))],
  };
}

export function slice(operations: EagerOperations, input: Tensor, start: number, count: number): Recorded {
  return {
    output: operations.slice(input, start, count),
    backward: (run, gradient) => [
      run.scope(() => {
        const out = run.zeros(input.shape);
        run.addInto(run.slice(out, start, count), gradient);
        return out;
      }),
    ],
  };
}
