/** The most probable next tokens, from logits. */

export interface Candidate {
  readonly id: number;
  /** 0 … 1 */
  readonly probability: number;
}

/** The `count` most probable ids of logits [V], by softmax, the most probable first. */
export function topTokens(logits: Float32Array, count: number): Candidate[] {
  let max = Number.NEGATIVE_INFINITY;
  for (const logit of logits) max = Math.max(max, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  const best: Candidate[] = [];
  logits.forEach((logit, id) => {
    const probability = Math.exp(logit - max) / sum;
    const last = best[count - 1];
    if (last !== undefined && probability <= last.probability) return;
    const place = best.findIndex((other) => other.probability < probability);
    best.splice(place === -1 ? best.length : place, 0, { id, probability });
    if (best.length > count) best.pop();
  });
  return best;
}
