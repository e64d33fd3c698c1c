/**
 * What contexts are computed from, and how a layer's keys and values are: shared by tables, stores and the decoder.
 */

import type { EagerOperations } from '../operations/eager-operations.ts';
import type { Operations } from '../operations/operations.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { EmbeddingWeights } from './initial-state.ts';
import type { ModelConfig } from './model-config.ts';

/** The parameters of one layer that keys and values are made with. */
export interface KeyValueWeights<V> {
  /** g = input_layernorm.weight, [D]. */
  readonly norm: V;
  /** W_K, [G·C, D]. */
  readonly key: V;
  /** W_V, [G·C, D]. */
  readonly value: V;
  /** b_K, [G·C]; null where attention has no biases. */
  readonly keyBias: V | null;
  /** b_V, [G·C]; null where attention has no biases. */
  readonly valueBias: V | null;
  /** k_norm.weight, [C]; null where keys are not normalised. */
  readonly keyNorm: V | null;
}

/** Everything a context is computed from. */
export interface ContextWeights<V> extends EmbeddingWeights<V> {
  /** One per layer of the model. */
  readonly layers: readonly KeyValueWeights<V>[];
}

/** What contexts have computed and moved so far: costs are shown by counting work, not by timing. */
export interface WorkCount {
  /** Rows projected into tables: one per (layer, offset, id). */
  tableRows: number;
  /** Rows projected for one block of positions and dropped: one per (block, layer, offset, id). */
  blockRows: number;
  /** Positions projected to keys and values, per layer. */
  projectedPositions: number;
  /** Positions whose initial state was computed. */
  initialStates: number;
  /** Rows of size D multiplied by an M_j: one per offset beyond 0, and position or distinct id. */
  windowProducts: number;
  /** Bytes moved on the device by edits. */
  movedBytes: number;
}

/** Keys and values, [n, G, C] each. */
export type KeysAndValues<V> = {
  readonly keys: V;
  readonly values: V;
};

/** Keys and values of inputs [n, D] (already g-scaled), each [n, G, C]: finished but for the keys' rotation. */
export function projectKeysAndValues<V>(
  operations: Operations<V>,
  weights: KeyValueWeights<V>,
  inputs: V,
  config: ModelConfig,
): KeysAndValues<V> {
  return operations.scope(() =>
    finishKeysAndValues(operations, weights, projectLinearly(operations, weights, inputs, config), config),
  );
}

/** W_K and W_V times inputs [n, D], each [n, G, C]: linear in the inputs, so that sums of rows are rows of sums. */
export function projectLinearly<V>(
  operations: Operations<V>,
  weights: KeyValueWeights<V>,
  inputs: V,
  config: ModelConfig,
): KeysAndValues<V> {
  const rows = operations.shapeOf(inputs)[0] as number;
  const shape = [rows, config.numKeyValueHeads, config.headDim]; // [n, G·C] -> [n, G, C]
  return {
    keys: operations.reshape(operations.linear(inputs, weights.key), shape),
    values: operations.reshape(operations.linear(inputs, weights.value), shape),
  };
}

/** What stands between the projections [n, G, C] and keys and values: biases, and the keys' norm per head. */
export function finishKeysAndValues<V>(
  operations: Operations<V>,
  { keyBias, valueBias, keyNorm }: Pick<KeyValueWeights<V>, 'keyBias' | 'valueBias' | 'keyNorm'>,
  { keys, values }: KeysAndValues<V>,
  config: ModelConfig,
): KeysAndValues<V> {
  const biased = (heads: V, bias: V | null) => (bias === null ? heads : addToHeads(operations, heads, bias));
  const finished = biased(keys, keyBias);
  return {
    keys: keyNorm === null ? finished : operations.rmsNorm(finished, keyNorm, config.rmsNormEps),
    values: biased(values, valueBias),
  };
}

/** Heads [n, heads, C] plus a bias [heads · C]. */
export function addToHeads<V>(operations: Operations<V>, heads: V, bias: V): V {
  const [, count, headDim] = operations.shapeOf(heads) as readonly [number, number, number];
  return operations.add(heads, operations.reshape(bias, [count, headDim]));
}

/** What of a configuration decides how keys come from ids. */
export type KeyConfig = Pick<
  ModelConfig,
  'positionEmbeddingType' | 'initialStateWindow' | 'attentionBias' | 'queryKeyNorm'
>;

/**
 * What rows by (offset, id) are to a position's key and value.
 *
 * - `sums`: the position's sum of rows over rms is its key. Without rotation b_K adds the same to every score of a query,
 *   which softmax does not see, and since weights add up to 1, b_V is added to what attention returns.
 * - `finished`: with w = 1 and no learned positions an id has one key and one value, and rows are these, biases, norm and
 *   1/rms included.
 * - `parts`: b_K (rotated) and the keys' norm come between the sum and the key, for each position anew.
 */
export function rowKind(config: KeyConfig): 'sums' | 'finished' | 'parts' {
  const { positionEmbeddingType, initialStateWindow, attentionBias, queryKeyNorm = false } = config;
  if (!queryKeyNorm && attentionBias === undefined) return 'sums';
  if (initialStateWindow === 1 && positionEmbeddingType !== 'learned') return 'finished';
  return queryKeyNorm || positionEmbeddingType === 'rope' ? 'parts' : 'sums';
}

/** A model as its tables see it. */
export interface ContextSource {
  readonly config: ModelConfig;
  readonly operations: EagerOperations;
  readonly weights: ContextWeights<Tensor>;
  /** Layers whose keys and values come from context states, ascending. */
  readonly inattentionLayers: readonly number[];
  readonly work: WorkCount;
}

/** Layers whose keys and values come from context states. Layer 0 is the same in both kinds and counts as one. */
export function inattentionLayers(config: ModelConfig): number[] {
  return config.attentionTypes.flatMap((type, layer) => (layer === 0 || type === 'inattention' ? [layer] : []));
}
