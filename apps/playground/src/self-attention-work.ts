/**
 * What a self-attention model of the same size has to compute again after an edit: every later token, in every layer,
 * since each token's keys and values depend on all tokens before it.
 *
 * Shape letters: N tokens, D hidden size, H query heads, G key/value heads, C head size, F MLP size, L layers.
 */

import type { ModelConfig } from '@inattention/core/math';

/** Multiply-adds, times two, to run positions `from` … `to` − 1 through all layers with the keys before them cached. */
export function selfAttentionFlops(config: ModelConfig, from: number, to: number): number {
  const { hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads, headDim, numHiddenLayers } = config;
  const width = numAttentionHeads * headDim; // H·C
  const perToken =
    4 * width * hiddenSize + 4 * numKeyValueHeads * headDim * hiddenSize + 6 * hiddenSize * intermediateSize;
  const keysSeen = (to * (to + 1) - from * (from + 1)) / 2; // Σ (i + 1)
  return numHiddenLayers * (perToken * (to - from) + 4 * width * keysSeen);
}
