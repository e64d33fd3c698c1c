/**
 * The decoder's layers (DESIGN §2), over Operations<V>: one text for inference and training. Where keys and values
 * come from is the caller's business; a layer only asks for attention.
 *
 * Shape letters: T positions computed, D hidden size, H query heads, C head size, F MLP size, V vocabulary.
 */

import type { Operations } from '@inattention/core';
import { addToHeads, type ModelConfig } from '@inattention/core/math';
import type { DecoderWeights, LayerWeights } from './decoder-weights.ts';

/** Attention of queries [T, H, C] (not yet rotated); `inputs` [T, D] are the layer's normalised inputs u. */
export type Attend<V> = (queries: V, inputs: V) => V;

/** A layer's queries [T, H, C] of its normalised inputs [T, D], not rotated. */
export function layerQueries<V>(
  operations: Operations<V>,
  config: ModelConfig,
  { query, queryBias, queryNorm }: LayerWeights<V>,
  inputs: V,
): V {
  const rows = operations.shapeOf(inputs)[0] as number;
  const { numAttentionHeads: heads, headDim, rmsNormEps } = config;
  return operations.scope(() => {
    const projected = operations.reshape(operations.linear(inputs, query), [rows, heads, headDim]); // [T, H·C] -> [T, H, C]
    const biased = queryBias === null ? projected : addToHeads(operations, projected, queryBias);
    return queryNorm === null ? biased : operations.rmsNorm(biased, queryNorm, rmsNormEps);
  });
}

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
    const queries = layerQueries(operations, config, weights, inputs);
    const attended = operations.reshape(attend(queries, inputs), [rows, heads * headDim]); // [T, H, C] -> [T, H·C]
    const afterAttention = operations.add(hidden, projection(operations, attended, weights.output, weights.outputBias));
    const mlpInputs = operations.rmsNorm(afterAttention, weights.mlpNorm, rmsNormEps);
    const activated = operations.swiglu(
      projection(operations, mlpInputs, weights.gate, weights.gateBias),
      projection(operations, mlpInputs, weights.up, weights.upBias),
    ); // [T, F]
    return operations.add(afterAttention, projection(operations, activated, weights.down, weights.downBias));
  });
}

/** x Wᵀ + b. */
function projection<V>(operations: Operations<V>, input: V, weight: V, bias: V | null): V {
  const product = operations.linear(input, weight);
  return bias === null ? product : operations.add(product, bias);
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
