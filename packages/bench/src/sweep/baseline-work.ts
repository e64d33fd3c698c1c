/**
 * The baseline's work as it is executed, in multiply-adds × 2. Its prefill runs all layers but the last over the prompt,
 * with causal attention; the last one needs keys and values of the prompt and one position of everything else.
 * Norms, activations and rotations are left out.
 */

import type { ModelConfig } from '@inattention/core/math';

/** The formula of `baselinePrefillFlops`, for people. */
export const prefillFormula =
  'flops(N) = (L−1)((4HC·D + 4GC·D + 6D·F)N + 2HC·N²) + 4GC·D·N + 4HC·D + 6D·F + 4HC·N + 2D·V';

/** From N ids to the first logits. */
export function baselinePrefillFlops(config: ModelConfig, tokens: number): number {
  const { project, rest, attention, head } = parts(config, tokens);
  const before = config.numHiddenLayers - 1;
  return before * tokens * (project + rest + attention / 2) + tokens * project + rest + attention + head;
}

/** One more token after N. */
export function baselineDecodeFlops(config: ModelConfig, tokens: number): number {
  const { project, rest, attention, head } = parts(config, tokens);
  return config.numHiddenLayers * (project + rest + attention) + head;
}

/** Work of one position in one layer (keys and values; attention to N positions; all else) and of the logits. */
function parts(config: ModelConfig, tokens: number) {
  const { hiddenSize: D, intermediateSize: F, headDim: C, vocabSize: V } = config;
  const queries = config.numAttentionHeads * C;
  const keys = config.numKeyValueHeads * C;
  return { project: 4 * keys * D, rest: 4 * queries * D + 6 * D * F, attention: 4 * queries * tokens, head: 2 * D * V };
}
