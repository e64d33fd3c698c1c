/**
 * Causal attention of T queries over N keys, position by position.
 *
 *     queries [T, H, C]   keys, values [N, G, C]   out [T, H, C]
 *
 * Query t stands at positions[t], key j at firstPosition + j, and t sees j when firstPosition + j ≤ positions[t]. Query
 * head h reads key/value head floor(h · G / H). For each (t, h), over the keys seen:
 *
 *     s_j = scale · q·k_j − slope_h · (positions[t] − firstPosition − j)
 *     max = max_j s_j        sum = Σ_j exp(s_j − max)        out = Σ_j exp(s_j − max) v_j / sum
 *
 * A query that sees nothing has max = the lowest float32, sum = 0 and out = 0, as in the Backend contract.
 */

import { ShapeError } from '@inattention/core';
import { expectShape, type NdArray, zeros } from './nd-array.ts';

/** The maximum of no scores: the lowest finite float32. */
export const lowestFloat32 = -3.4028234663852886e38;

export interface AttentionInputs {
  /** [T, H, C], rotated where the model rotates. */
  readonly queries: NdArray;
  /** [T] */
  readonly positions: ArrayLike<number>;
  /** [N, G, C], rotated where the model rotates. */
  readonly keys: NdArray;
  /** [N, G, C] */
  readonly values: NdArray;
  /** Position of key 0; 0 by default. */
  readonly firstPosition?: number;
  /** One per query head, [H]; null or absent for none. */
  readonly slopes?: ArrayLike<number> | null;
  /** Factor on q·k; 1/√C by default. */
  readonly scale?: number;
}

export interface AttentionResult {
  /** [T, H, C] */
  readonly out: NdArray;
  /** [T, H] */
  readonly max: NdArray;
  /** [T, H] */
  readonly sum: NdArray;
}

export function attentionForward(inputs: AttentionInputs): AttentionResult {
  const { T, H, G, C } = attentionSizes(inputs);
  const { values } = inputs;
  const out = zeros([T, H, C]);
  const maxima = zeros([T, H]);
  const sums = zeros([T, H]);
  for (let t = 0; t < T; t += 1) {
    for (let h = 0; h < H; h += 1) {
      const g = Math.floor((h * G) / H);
      const scores = attentionScores(inputs, t, h);
      let max = lowestFloat32;
      for (const score of scores) max = Math.max(max, score);
      let sum = 0;
      for (let j = 0; j < scores.length; j += 1) {
        const weight = Math.exp(scores[j] - max);
        sum += weight;
        for (let c = 0; c < C; c += 1) out.data[(t * H + h) * C + c] += weight * values.data[(j * G + g) * C + c];
      }
      if (sum > 0) for (let c = 0; c < C; c += 1) out.data[(t * H + h) * C + c] /= sum;
      maxima.data[t * H + h] = max;
      sums.data[t * H + h] = sum;
    }
  }
  return { out, max: maxima, sum: sums };
}

/** The attention weights of query t, [H, N]: exp(s_j − max) / sum; 0 where it does not see. */
export function attentionWeights(inputs: AttentionInputs, t: number): NdArray {
  const { H, N } = attentionSizes(inputs);
  const out = zeros([H, N]);
  for (let h = 0; h < H; h += 1) out.data.set(softmax(attentionScores(inputs, t, h)), h * N);
  return out;
}

/** exp(s_j − max) / sum. */
export function softmax(scores: Float64Array): Float64Array {
  let max = Number.NEGATIVE_INFINITY;
  for (const score of scores) max = Math.max(max, score);
  const weights = scores.map((score) => Math.exp(score - max));
  let sum = 0;
  for (const weight of weights) sum += weight;
  return weights.map((weight) => weight / sum);
}

/** s_j of query t and head h, for the keys it sees (a prefix of the keys). */
export function attentionScores(inputs: AttentionInputs, t: number, h: number): Float64Array {
  const { H, N, G, C, firstPosition, scale } = attentionSizes(inputs);
  const { queries, positions, keys } = inputs;
  const g = Math.floor((h * G) / H);
  const slope = inputs.slopes?.[h] ?? 0;
  const seen = Math.min(N, Math.max(0, positions[t] - firstPosition + 1));
  const scores = new Float64Array(seen);
  for (let j = 0; j < seen; j += 1) {
    let product = 0;
    for (let c = 0; c < C; c += 1) product += queries.data[(t * H + h) * C + c] * keys.data[(j * G + g) * C + c];
    scores[j] = scale * product - slope * (positions[t] - firstPosition - j);
  }
  return scores;
}

/** The sizes of attention, checked against each other, and its defaults. */
export function attentionSizes(inputs: AttentionInputs) {
  const { queries, keys, values } = inputs;
  expectShape(queries, [inputs.positions.length, null, null], 'Queries');
  const [T, H, C] = queries.shape;
  expectShape(keys, [null, null, C], 'Keys');
  const [N, G] = keys.shape;
  expectShape(values, [N, G, C], 'Values');
  if (H % G !== 0) {
    throw new ShapeError({
      what: 'Query heads share key heads in equal groups.',
      got: `${H} query heads, ${G} key heads`,
      expected: 'a multiple',
    });
  }
  return { T, H, C, N, G, firstPosition: inputs.firstPosition ?? 0, scale: inputs.scale ?? 1 / Math.sqrt(C) };
}
