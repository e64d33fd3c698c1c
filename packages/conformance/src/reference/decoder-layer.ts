/**
 * One layer of the decoder, for T rows of hidden states:
 *
 *     u = g ⊙ norm(h)                                         h [T, D]
 *     c = g ⊙ x̂ ("inattention") or u ("self")                 x̂ [N, D]; in a self layer the rows are all N positions
 *     m = h + attentionBlock(u, c)
 *     h′ = m + mlp(y),   y = post ⊙ norm(m)
 *
 * g serves both sides, so in an inattention layer it collects gradient from the queries and from the context.
 */

import {
  type AttentionBlockOptions,
  type AttentionBlockWeights,
  attentionBlockBackward,
  attentionBlockForward,
} from './attention-block.ts';
import { add } from './elementwise.ts';
import { gainBackward, gainForward } from './gain.ts';
import { type MlpWeights, mlpBackward, mlpForward } from './mlp.ts';
import type { NdArray } from './nd-array.ts';
import { rmsNormBackward, rmsNormForward } from './rms-norm.ts';

export interface LayerWeights extends AttentionBlockWeights, MlpWeights {
  /** g = input_layernorm.weight, [D] */
  readonly norm: NdArray;
  /** post_attention_layernorm.weight, [D] */
  readonly mlpNorm: NdArray;
}

export type LayerOptions = AttentionBlockOptions;

/** h′. `states` is x̂, or null in a self layer. */
export function layerForward(
  hidden: NdArray,
  states: NdArray | null,
  weights: LayerWeights,
  options: LayerOptions,
): NdArray {
  const { middle, mlpInput } = untilMlp(hidden, states, weights, options);
  return add(middle, mlpForward(mlpInput, weights));
}

/** `gradStates` is null exactly when `states` is. */
export function layerBackward(
  hidden: NdArray,
  states: NdArray | null,
  weights: LayerWeights,
  options: LayerOptions,
  gradOut: NdArray,
): { readonly gradHidden: NdArray; readonly gradStates: NdArray | null; readonly gradWeights: LayerWeights } {
  const { rmsNormEps } = options;
  const { queryInput, contextInput, middle, mlpInput } = untilMlp(hidden, states, weights, options);
  const mlp = mlpBackward(mlpInput, weights, gradOut);
  const mlpNorm = rmsNormBackward(middle, weights.mlpNorm, rmsNormEps, mlp.gradInput);
  const gradMiddle = add(gradOut, mlpNorm.gradInput);
  const block = attentionBlockBackward(queryInput, contextInput, weights, options, gradMiddle);
  const gradQueryInput = states === null ? add(block.gradQueryInput, block.gradContextInput) : block.gradQueryInput;
  const norm = rmsNormBackward(hidden, weights.norm, rmsNormEps, gradQueryInput);
  const context = states === null ? null : gainBackward(states, weights.norm, block.gradContextInput);
  return {
    gradHidden: add(gradMiddle, norm.gradInput),
    gradStates: context?.gradInput ?? null,
    gradWeights: {
      ...block.gradWeights,
      ...mlp.gradWeights,
      norm: sumOf(norm.gradWeight, context?.gradGain ?? null, weights.norm),
      mlpNorm: sumOf(mlpNorm.gradWeight, null, weights.mlpNorm),
    },
  };
}

function untilMlp(hidden: NdArray, states: NdArray | null, weights: LayerWeights, options: LayerOptions) {
  const queryInput = rmsNormForward(hidden, weights.norm, options.rmsNormEps).out; // u
  const contextInput = states === null ? queryInput : gainForward(states, weights.norm); // c
  const middle = add(hidden, attentionBlockForward(queryInput, contextInput, weights, options)); // m
  const mlpInput = rmsNormForward(middle, weights.mlpNorm, options.rmsNormEps).out; // y
  return { queryInput, contextInput, middle, mlpInput };
}

/** The sum of the gradients that are there, in the shape of `like`. */
function sumOf(a: NdArray | null, b: NdArray | null, like: NdArray): NdArray {
  return { shape: like.shape, data: like.data.map((_, i) => (a?.data[i] ?? 0) + (b?.data[i] ?? 0)) };
}
