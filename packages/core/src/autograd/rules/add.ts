/** a ± b: the gradient passes to a as it is, to b with its sign, summed over what b repeated. */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';
import { sumToShape } from './sum-to-shape.ts';

export function add(operations: EagerOperations, a: Tensor, b: Tensor): Recorded {
  return {
    output: operations.add(a, b),
    backward: (run, gradient, [wantA, wantB]) => [
      wantA ? run.copy(gradient) : null,
      wantB ? passOn(run, gradient, b.shape) : null,
    ],
  };
}

export function subtract(operations: EagerOperations, a: Tensor, b: Tensor): Recorded {
  return {
    output: operations.subtract(a, b),
    backward: (run, gradient, [wantA, wantB]) => [
      wantA ? run.copy(gradient) : null,
      wantB ? run.scale(sumToShape(run, gradient, b.shape), -1) : null,
    ],
  };
}

/** A gradient of its own: rules do not hand out the one they were given. */
function passOn(run: EagerOperations, gradient: Tensor, shape: Shape): Tensor {
  const summed = sumToShape(run, gradient, shape);
  return summed === gradient ? run.copy(gradient) : summed;
}
