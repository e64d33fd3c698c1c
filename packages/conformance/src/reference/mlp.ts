/**
 * The MLP of a layer: out = W_down( silu(W_gate y) ⊙ W_up y ), for y [n, D], each product with its bias if there is one.
 *
 *     W_gate, W_up [F, D]   W_down [D, F]   out [n, D]
 */

import { add } from './elementwise.ts';
import { linearBackward, linearForward } from './linear.ts';
import type { NdArray } from './nd-array.ts';
import { swigluBackward, swigluForward } from './swiglu.ts';

export interface MlpWeights {
  /** [F, D] */
  readonly gate: NdArray;
  /** [F, D] */
  readonly up: NdArray;
  /** [D, F] */
  readonly down: NdArray;
  /** [F] */
  readonly gateBias?: NdArray | undefined;
  /** [F] */
  readonly upBias?: NdArray | undefined;
  /** [D] */
  readonly downBias?: NdArray | undefined;
}

export function mlpForward(y: NdArray, weights: MlpWeights): NdArray {
  const { gate, up, down, gateBias, upBias, downBias } = weights;
  const hidden = swigluForward(linearForward(y, gate, gateBias), linearForward(y, up, upBias)); // [n, F]
  return linearForward(hidden, down, downBias);
}

export function mlpBackward(
  y: NdArray,
  weights: MlpWeights,
  gradOut: NdArray,
): { readonly gradInput: NdArray; readonly gradWeights: MlpWeights } {
  const gate = linearForward(y, weights.gate, weights.gateBias); // [n, F]
  const up = linearForward(y, weights.up, weights.upBias); // [n, F]
  const down = linearBackward(swigluForward(gate, up), weights.down, gradOut);
  const { gradGate, gradUp } = swigluBackward(gate, up, down.gradInput);
  const throughGate = linearBackward(y, weights.gate, gradGate);
  const throughUp = linearBackward(y, weights.up, gradUp);
  return {
    gradInput: add(throughGate.gradInput, throughUp.gradInput),
    gradWeights: {
      gate: throughGate.gradWeight,
      up: throughUp.gradWeight,
      down: down.gradWeight,
      gateBias: throughGate.gradBias,
      upBias: throughUp.gradBias,
      downBias: down.gradBias,
    },
  };
}
