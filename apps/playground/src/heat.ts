/** Attention weights as heat: bins for an overview, levels for single tokens. */

/** The largest weight within each of `bins` stretches of the context: what is strong stays visible at any length. */
export function heatBins(weights: Float32Array, bins: number): Float32Array {
  const strongest = new Float32Array(bins);
  weights.forEach((weight, at) => {
    const bin = Math.min(bins - 1, Math.floor((at * bins) / weights.length));
    if (weight > (strongest[bin] as number)) strongest[bin] = weight;
  });
  return strongest;
}

/** How strongly a weight is shown, 0 … 1: by the square root of its share of the strongest, so that weak ones show. */
export function heatLevel(weight: number, strongest: number): number {
  return strongest > 0 ? Math.sqrt(Math.min(1, weight / strongest)) : 0;
}

/** Positions of the `count` largest weights, the largest first. */
export function strongestPositions(weights: Float32Array, count: number): number[] {
  const order = Array.from(weights, (_, at) => at);
  order.sort((a, b) => (weights[b] as number) - (weights[a] as number));
  return order.slice(0, count);
}
