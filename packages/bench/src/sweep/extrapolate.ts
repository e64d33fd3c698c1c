/**
 * Figures of the baseline at lengths too long to run here, from those that were run. Every figure made here carries its
 * formula.
 */

import type { ModelConfig } from '@inattention/core/math';
import type { Timing } from '../result.ts';

/** Multiply-adds × 2 of the self-attention prefill of N tokens, the first logits included. */
export function prefillFlops(config: ModelConfig, tokens: number): number {
  const { hiddenSize: D, intermediateSize: F, headDim: C, numHiddenLayers: L, vocabSize: V } = config;
  const queries = config.numAttentionHeads * C;
  const keys = config.numKeyValueHeads * C;
  const perToken = 4 * queries * D + 4 * keys * D + 6 * D * F;
  return L * (perToken * tokens + 2 * queries * tokens * tokens) + 2 * D * V;
}

/** The first token at `tokens`, in proportion to the work, from one measured at `measuredTokens`. */
export function extrapolatePrefill(
  config: ModelConfig,
  measured: Timing,
  measuredTokens: number,
  tokens: number,
): Timing {
  const ratio = prefillFlops(config, tokens) / prefillFlops(config, measuredTokens);
  return {
    median: measured.median * ratio,
    rounds: 0,
    extrapolated: `ms(${measuredTokens}) · flops(${tokens}) / flops(${measuredTokens}), flops(N) = L((4HC·D + 4GC·D + 6D·F)N + 2HC·N²) + 2D·V`,
  };
}

/**
 * Decode at `tokens`: what it took at `measuredTokens`, and what InAttention's mode kv took more, since both attend over
 * the same KV cache by the same kernel.
 */
export function extrapolateDecode(measured: Timing, measuredTokens: number, kvThere: Timing, kvHere: Timing): Timing {
  return {
    median: measured.median + Math.max(0, kvHere.median - kvThere.median),
    rounds: 0,
    extrapolated: `ms(${measuredTokens}) + ms_kv(N) − ms_kv(${measuredTokens}): the same attention over the same cache`,
  };
}
