/** RMS normalisation; keeps 1/rms of each row. */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';

export function rmsNorm(operations: EagerOperations, input: Tensor, weight: Tensor | null, epsilon: number): Recorded {
  const { out, inverseRms } = operations.rmsNormWithInverse(input, weight, epsilon);
  return {
    output: out,
    saved: [inverseRms],
    backward: (run, gradient) => {
      const gradients = run.rmsNormBackward(input, weight, inverseRms, gradient);
      return weight === null ? [gradients.input] : [gradients.input, gradients.weight];
    },
  };
}
