/**
 * The arithmetic that a training step cannot do without, as multiplications and additions of its matrix products. What is
 * computed again for the gradients (scores of attention), elementwise work, normalisation, the loss and AdamW count nothing,
 * so a rate made of it is what the step has to show for its time.
 *
 * Letters: B texts, T positions of each, D hidden, H query heads, G key/value heads, C head size, F MLP size, L layers, V
 * vocabulary, w window.
 */

import type { ModelConfig } from '@inattention/core/math';

/** The formula of `stepFlops`, for reports. */
export const stepFlopsFormula =
  '3 · 2 · B T · (L (2 D H C + 2 D G C + 3 D F) + (w − 1) D² + D V) + 3 · 4 · B L H C · T (T + 1) / 2';

/**
 * Each weight meets each position three times (forward, gradient of the input, gradient of the weight): 3 · 2 · B T times
 * the weights that are multiplied by. Each pair of a query and a position that it sees takes 2 C multiply-adds forward
 * (score, value) and 4 C backward: 3 · 4 C.
 */
export function stepFlops(config: ModelConfig, texts: number, length: number): number {
  const { hiddenSize: D, headDim: C, numAttentionHeads: H, numKeyValueHeads: G } = config;
  const { intermediateSize: F, numHiddenLayers: L, vocabSize: V, initialStateWindow: w } = config;
  const weights = L * (2 * D * H * C + 2 * D * G * C + 3 * D * F) + (w - 1) * D * D + D * V;
  const pairs = (texts * L * H * length * (length + 1)) / 2;
  return 6 * texts * length * weights + 12 * C * pairs;
}
