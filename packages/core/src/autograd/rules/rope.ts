/** Rotation: the gradient is rotated back. */

import type { RopeAngles } from '../../backend/context-view.ts';
import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { IndexTensor } from '../../operations/index-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';

export function rope(operations: EagerOperations, input: Tensor, positions: IndexTensor, angles: RopeAngles): Recorded {
  return {
    output: operations.rope(input, positions, angles),
    backward: (run, gradient) => [run.rope(gradient, positions, angles, true)],
  };
}
