/**
 * The attention of a layer with its projections: queries from `queryInput`, keys and values from `contextInput`.
 *
 *     queryInput [T, D]   contextInput [N, D] at positions 0 … N−1   out [T, D]
 *     q = W_Q queryInput   k = W_K contextInput   v = W_V contextInput     (q, k rotated when ropeTheta is set)
 *     out = W_O concat_h attention(q, k, v)
 *
 * The same block serves "inattention" (contextInput = g ⊙ x̂) and "self" (contextInput = queryInput) layers.
 */

import { type AttentionInputs, attentionForward } from './attention.ts';
import { attentionBackward } from './attention-backward.ts';
import { linearBackward, linearForward } from './linear.ts';
import { type NdArray, reshaped } from './nd-array.ts';
import { ropeBackward, ropeForward } from './rope.ts';

export interface AttentionBlockWeights {
  /** W_Q, [H·C, D] */
  readonly query: NdArray;
  /** W_K, [G·C, D] */
  readonly key: NdArray;
  /** W_V, [G·C, D] */
  readonly value: NdArray;
  /** W_O, [D, H·C] */
  readonly output: NdArray;
}

export interface AttentionBlockOptions {
  /** C */
  readonly headDim: number;
  /** Positions of the queries, [T]. */
  readonly positions: readonly number[];
  /** Base of the rotation, or null for none. */
  readonly ropeTheta: number | null;
  /** ALiBi slopes, [H], or null for none. */
  readonly slopes: readonly number[] | null;
}

export function attentionBlockForward(
  queryInput: NdArray,
  contextInput: NdArray,
  weights: AttentionBlockWeights,
  options: AttentionBlockOptions,
): NdArray {
  const { out } = attentionForward(project(queryInput, contextInput, weights, options)); // [T, H, C]
  return linearForward(joinHeads(out), weights.output);
}

export function attentionBlockBackward(
  queryInput: NdArray,
  contextInput: NdArray,
  weights: AttentionBlockWeights,
  options: AttentionBlockOptions,
  gradOut: NdArray,
): {
  readonly gradQueryInput: NdArray;
  readonly gradContextInput: NdArray;
  readonly gradWeights: AttentionBlockWeights;
} {
  const { headDim, positions, ropeTheta } = options;
  const inputs = project(queryInput, contextInput, weights, options);
  const { out } = attentionForward(inputs);
  const output = linearBackward(joinHeads(out), weights.output, gradOut);
  const heads = attentionBackward(inputs, splitHeads(output.gradInput, headDim));
  const unrotate = (gradient: NdArray, at: readonly number[]) =>
    ropeTheta === null ? gradient : ropeBackward(gradient, at, ropeTheta);
  const gradQueries = unrotate(heads.gradQueries, positions);
  const gradKeys = unrotate(heads.gradKeys, firstPositions(contextInput));
  const query = linearBackward(queryInput, weights.query, joinHeads(gradQueries));
  const key = linearBackward(contextInput, weights.key, joinHeads(gradKeys));
  const value = linearBackward(contextInput, weights.value, joinHeads(heads.gradValues));
  return {
    gradQueryInput: query.gradInput,
    gradContextInput: {
      shape: contextInput.shape,
      data: key.gradInput.data.map((gradient, i) => gradient + value.gradInput.data[i]),
    },
    gradWeights: {
      query: query.gradWeight,
      key: key.gradWeight,
      value: value.gradWeight,
      output: output.gradWeight,
    },
  };
}

/** Queries, keys and values, ready for attention. */
function project(
  queryInput: NdArray,
  contextInput: NdArray,
  weights: AttentionBlockWeights,
  { headDim, positions, ropeTheta, slopes }: AttentionBlockOptions,
): AttentionInputs {
  const queries = splitHeads(linearForward(queryInput, weights.query), headDim);
  const keys = splitHeads(linearForward(contextInput, weights.key), headDim);
  const values = splitHeads(linearForward(contextInput, weights.value), headDim);
  if (ropeTheta === null) return { queries, positions, keys, values, slopes };
  return {
    queries: ropeForward(queries, positions, ropeTheta),
    positions,
    keys: ropeForward(keys, firstPositions(contextInput), ropeTheta),
    values,
    slopes,
  };
}

/** 0 … n−1 for n rows. */
function firstPositions(rows: NdArray): number[] {
  return Array.from({ length: rows.shape[0] }, (_, position) => position);
}

/** [n, heads · C] -> [n, heads, C] */
function splitHeads(rows: NdArray, headDim: number): NdArray {
  return reshaped(rows, [rows.shape[0], rows.shape[1] / headDim, headDim]);
}

/** [n, heads, C] -> [n, heads · C] */
function joinHeads(heads: NdArray): NdArray {
  return reshaped(heads, [heads.shape[0], heads.shape[1] * heads.shape[2]]);
}
