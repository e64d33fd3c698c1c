/**
 * The attention of a layer with its projections: queries from `queryInput`, keys and values from `contextInput`.
 *
 *     queryInput [T, D]   contextInput [N, D] at positions 0 … N−1   out [T, D]
 *     q = rotated( norm_q( W_Q queryInput + b_Q ) )   k = rotated( norm_k( W_K contextInput + b_K ) )
 *     v = W_V contextInput + b_V                      out = W_O concat_h attention(q, k, v) + b_O
 *
 * Biases, the norms (RMS over the C numbers of each head, with a gain shared by the heads) and rotation are there or not.
 *
 * The same block serves "inattention" (contextInput = g ⊙ x̂) and "self" (contextInput = queryInput) layers.
 */

import { type AttentionInputs, attentionForward } from './attention.ts';
import { attentionBackward } from './attention-backward.ts';
import { linearBackward, linearForward } from './linear.ts';
import { type NdArray, reshaped } from './nd-array.ts';
import { rmsNormBackward, rmsNormForward } from './rms-norm.ts';
import { type Rope, ropeBackward, ropeForward } from './rope.ts';

export interface AttentionBlockWeights {
  /** W_Q, [H·C, D] */
  readonly query: NdArray;
  /** W_K, [G·C, D] */
  readonly key: NdArray;
  /** W_V, [G·C, D] */
  readonly value: NdArray;
  /** W_O, [D, H·C] */
  readonly output: NdArray;
  /** [H·C] */
  readonly queryBias?: NdArray | undefined;
  /** [G·C] */
  readonly keyBias?: NdArray | undefined;
  /** [G·C] */
  readonly valueBias?: NdArray | undefined;
  /** [D] */
  readonly outputBias?: NdArray | undefined;
  /** Gain of norm_q, [C]. */
  readonly queryNorm?: NdArray | undefined;
  /** Gain of norm_k, [C]. */
  readonly keyNorm?: NdArray | undefined;
}

export interface AttentionBlockOptions {
  /** C */
  readonly headDim: number;
  /** Positions of the queries, [T]. */
  readonly positions: readonly number[];
  /** The rotation, or null for none. */
  readonly rope: Rope | null;
  /** ε of the norms of queries and keys. */
  readonly rmsNormEps: number;
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
  return linearForward(joinHeads(out), weights.output, weights.outputBias);
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
  const { headDim, positions, rope, rmsNormEps } = options;
  const inputs = project(queryInput, contextInput, weights, options);
  const { out } = attentionForward(inputs);
  const output = linearBackward(joinHeads(out), weights.output, gradOut);
  const heads = attentionBackward(inputs, splitHeads(output.gradInput, headDim));
  const unrotate = (gradient: NdArray, at: readonly number[]) =>
    rope === null ? gradient : ropeBackward(gradient, at, rope);
  const queries = normHeadsBackward(
    splitHeads(linearForward(queryInput, weights.query, weights.queryBias), headDim),
    weights.queryNorm,
    rmsNormEps,
    unrotate(heads.gradQueries, positions),
  );
  const keys = normHeadsBackward(
    splitHeads(linearForward(contextInput, weights.key, weights.keyBias), headDim),
    weights.keyNorm,
    rmsNormEps,
    unrotate(heads.gradKeys, firstPositions(contextInput)),
  );
  const query = linearBackward(queryInput, weights.query, joinHeads(queries.gradInput));
  const key = linearBackward(contextInput, weights.key, joinHeads(keys.gradInput));
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
      queryBias: query.gradBias,
      keyBias: key.gradBias,
      valueBias: value.gradBias,
      outputBias: output.gradBias,
      queryNorm: queries.gradGain,
      keyNorm: keys.gradGain,
    },
  };
}

/** Queries, keys and values, ready for attention. */
function project(
  queryInput: NdArray,
  contextInput: NdArray,
  weights: AttentionBlockWeights,
  { headDim, positions, rope, slopes, rmsNormEps }: AttentionBlockOptions,
): AttentionInputs {
  const heads = (input: NdArray, weight: NdArray, bias?: NdArray) =>
    splitHeads(linearForward(input, weight, bias), headDim);
  const queries = normHeads(heads(queryInput, weights.query, weights.queryBias), weights.queryNorm, rmsNormEps);
  const keys = normHeads(heads(contextInput, weights.key, weights.keyBias), weights.keyNorm, rmsNormEps);
  const values = heads(contextInput, weights.value, weights.valueBias);
  if (rope === null) return { queries, positions, keys, values, slopes };
  return {
    queries: ropeForward(queries, positions, rope),
    positions,
    keys: ropeForward(keys, firstPositions(contextInput), rope),
    values,
    slopes,
  };
}

/** Each head of [n, heads, C] normalised, when there is a gain [C]. */
function normHeads(heads: NdArray, gain: NdArray | undefined, epsilon: number): NdArray {
  if (gain === undefined) return heads;
  return reshaped(rmsNormForward(rowsOfHeads(heads), gain, epsilon).out, heads.shape);
}

function normHeadsBackward(heads: NdArray, gain: NdArray | undefined, epsilon: number, gradOut: NdArray) {
  if (gain === undefined) return { gradInput: gradOut, gradGain: undefined };
  const norm = rmsNormBackward(rowsOfHeads(heads), gain, epsilon, rowsOfHeads(gradOut));
  return { gradInput: reshaped(norm.gradInput, heads.shape), gradGain: norm.gradWeight ?? undefined };
}

/** [n, heads, C] -> [n · heads, C] */
function rowsOfHeads(heads: NdArray): NdArray {
  return reshaped(heads, [heads.shape[0] * heads.shape[1], heads.shape[2]]);
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
