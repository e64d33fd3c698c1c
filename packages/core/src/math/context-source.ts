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

/** Keys and values of inputs [n, D] (already g-scaled), each [n, G, C], keys not rotated. */
export function projectKeysAndValues<V>(
  operations: Operations<V>,
  weights: KeyValueWeights<V>,
  inputs: V,
  config: ModelConfig,
): { readonly keys: V; readonly values: V } {
  const rows = operations.shapeOf(inputs)[0] as number;
  const shape = [rows, config.numKeyValueHeads, config.headDim]; // [n, G·C] -> [n, G, C]
  return {
    keys: operations.reshape(operations.linear(inputs, weights.key), shape),
    values: operations.reshape(operations.linear(inputs, weights.value), shape),
  };
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
