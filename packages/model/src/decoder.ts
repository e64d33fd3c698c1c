/**
 * The decoder's layers (DESIGN §2), over Operations<V>: one text for inference and training. Where keys and values
 * come from is the caller's business; a layer only asks for attention.
 *
 * Shape letters: T positions computed, D hidden size, H query heads, C head size, F MLP size, V vocabulary.
 */

import type { Operations } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import type { DecoderWeights, LayerWeights } from './decoder-weights.ts';

/** Attention of queries [T, H, C] (not yet rotated); `inputs` [T, D] are the layer's normalised inputs u. */
export type Attend<V> = (queries: V, inputs: V) => V;

/** One layer: h [T, D] to h [T, D]. */
export function decoderLayer<V>(
  operations: Operations<V>,
  config: ModelConfig,
  weights: LayerWeights<V>,
  hidden: V,
  attend: Attend<V>,
): V {
  const rows = operations.shapeOf(hidden)[0] as number;
  const { numAttentionHeads: heads, headDim, rmsNormEps } = config;
  return operations.scope(() => {
    const inputs = operations.rmsNorm(hidden, weights.norm, rmsNormEps); // u, [T, D]
    const queries = operations.reshape(operations.linear(inputs, weights.query), [rows, heads, headDim]); // [T, H·C] -> [T, H, C]
    const attended = operations.reshape(attend(queries, inputs), [rows, heads * headDim]); // [T, H, C] -> [T, H·C]
    const afterAttention = operations.add(hidden, operations.linear(attended, weights.output));
    const mlpInputs = operations.rmsNorm(afterAttention, weights.mlpNorm, rmsNormEps);
    const activated = operations.swiglu(
      operations.linear(mlpInputs, weights.gate),
      operations.linear(mlpInputs, weights.up),
    ); // [T, F]
    return operations.add(afterAttention, operations.linear(activated, weights.down));
  });
}

/** Logits [T, V] of hidden states [T, D]. */
export function decoderLogits<V>(
  operations: Operations<V>,
  config: ModelConfig,
  weights: DecoderWeights<V>,
  hidden: V,
): V {
  return operations.scope(() =>
    operations.linear(operations.rmsNorm(hidden, weights.norm, config.rmsNormEps), weights.head),
  );
}
