/** Attention by plain float64 loops over dense keys and values, as the Backend contract defines it. */

export interface DenseAttention {
  /** [T, H, C] */
  readonly queries: ArrayLike<number>;
  readonly positions: ArrayLike<number>;
  /** [N, G, C] */
  readonly keys: ArrayLike<number>;
  /** [N, G, C] */
  readonly values: ArrayLike<number>;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Position of key 0. */
  readonly firstPosition: number;
  readonly scale: number;
  readonly slopes: ArrayLike<number> | null;
  /** Entries [from, to) are attended to. Default: all. */
  readonly from?: number;
  readonly to?: number;
}

/** Scores of query t, head h by entry; null where it does not see the entry. */
export function referenceScores(input: DenseAttention, t: number, h: number): (number | null)[] {
  const { queries, keys, heads, kvHeads, headDim, firstPosition, scale, slopes } = input;
  const { from = 0, to = keys.length / (kvHeads * headDim) } = input;
  const g = Math.floor((h * kvHeads) / heads);
  return Array.from({ length: to - from }, (_, place) => {
    const distance = (input.positions[t] as number) - firstPosition - from - place;
    if (distance < 0) return null;
    let product = 0;
    for (let c = 0; c < headDim; c += 1) {
      const query = queries[(t * heads + h) * headDim + c] as number;
      product += query * (keys[((from + place) * kvHeads + g) * headDim + c] as number);
    }
    return scale * product - (slopes?.[h] ?? 0) * distance;
  });
}

/** out [T, H, C], max [T, H] and sum [T, H]. */
export function referenceAttention(input: DenseAttention) {
  const { positions, values, heads, kvHeads, headDim, from = 0 } = input;
  const out = new Float64Array(positions.length * heads * headDim);
  const max = new Float64Array(positions.length * heads);
  const sum = new Float64Array(positions.length * heads);
  for (let t = 0; t < positions.length; t += 1) {
    for (let h = 0; h < heads; h += 1) {
      const row = t * heads + h;
      const g = Math.floor((h * kvHeads) / heads);
      const scores = referenceScores(input, t, h);
      const seen = scores.filter((score) => score !== null);
      const top = seen.reduce((most, score) => Math.max(most, score), -3.4028234663852886e38);
      const total = seen.reduce((so, score) => so + Math.exp(score - top), 0);
      scores.forEach((score, place) => {
        if (score === null) return;
        for (let c = 0; c < headDim; c += 1) {
          const value = values[((from + place) * kvHeads + g) * headDim + c] as number;
          out[row * headDim + c] = (out[row * headDim + c] as number) + (Math.exp(score - top) / total) * value;
        }
      });
      max[row] = top;
      sum[row] = total;
    }
  }
  return { out, max, sum };
}
