/**
 * From the sums of a chunk's table rows to its keys and values, and from their gradients back: biases, the keys' norm and
 * rotation, whichever a model has.
 *
 * Shape letters: c positions of the chunk, G key/value heads, C head size.
 */

import type { DenseContext, EagerOperations, IndexTensor, Operations, RopeAngles, Tensor } from '@inattention/core';
import { RecordingOperations, type Variable } from '@inattention/core/autograd';
import {
  addToHeads,
  consecutive,
  finishKeysAndValues,
  type KeysAndValues,
  type ModelConfig,
} from '@inattention/core/math';
import type { TableChunk } from './table-rows.ts';

/** The parameters that stand between sums and keys; null where a model has none. */
export interface FinishWeights<V> {
  /** b_K, [G·C] */
  readonly keyBias: V | null;
  /** b_V, [G·C] */
  readonly valueBias: V | null;
  /** [C] */
  readonly keyNorm: V | null;
}

interface FinishOptions {
  readonly config: ModelConfig;
  readonly angles: RopeAngles | null;
}

/** Whether sums are keys and values but for rotation. */
export function isFinished({ keyBias, valueBias, keyNorm }: FinishWeights<Tensor>): boolean {
  return keyBias === null && valueBias === null && keyNorm === null;
}

/** Keys and values of a chunk, [c, G, C] each, of the sums of its rows. */
export function finishChunk(
  operations: EagerOperations,
  weights: FinishWeights<Tensor>,
  sums: DenseContext,
  { start, count }: TableChunk,
  options: FinishOptions,
): DenseContext {
  using positions = operations.index(consecutive(start, count));
  return operations.scope(() => finish(operations, weights, sums, positions, options));
}

/** What `differentiateChunk` finds. */
interface ChunkGradients extends FinishWeights<Tensor> {
  /** Of the sums, [c, G, C]. */
  readonly keys: Tensor;
  readonly values: Tensor;
}

/**
 * Gradients of the sums and parameters, from those of keys and values that `of` finds for them. In a scope of `run`, to
 * which they belong.
 */
export function differentiateChunk(
  run: EagerOperations,
  weights: FinishWeights<Tensor>,
  sums: DenseContext,
  { start, count }: TableChunk,
  options: FinishOptions,
  of: (finished: DenseContext) => DenseContext,
): ChunkGradients {
  using positions = run.index(consecutive(start, count));
  using recording = new RecordingOperations(run.separate('activations'));
  const leaf = (tensor: Tensor) => recording.parameter(tensor);
  const optional = (tensor: Tensor | null) => (tensor === null ? null : leaf(tensor));
  const variables = { keyBias: optional(weights.keyBias), valueBias: null, keyNorm: optional(weights.keyNorm) };
  const before = { keys: leaf(sums.keys), values: recording.constant(sums.values) };
  const { keys } = finish(recording, variables, before, positions, options);
  const values = weights.valueBias === null ? sums.values : addToHeads(run, sums.values, weights.valueBias);
  const gradients = of({ keys: keys.value, values });
  using found = recording.backwardFrom(keys, gradients.keys);
  const take = (variable: Variable | null): Tensor | null => {
    const part = variable === null ? undefined : found.take(variable);
    return part === undefined ? null : run.own(part);
  };
  const perPosition = run.reshape(gradients.values, [count, gradients.values.size / count]);
  return {
    keys: take(before.keys) as Tensor,
    values: gradients.values,
    keyBias: take(variables.keyBias),
    keyNorm: take(variables.keyNorm),
    valueBias: weights.valueBias === null ? null : run.sum(perPosition, 0),
  };
}

function finish<V>(
  operations: Operations<V>,
  weights: FinishWeights<V>,
  sums: KeysAndValues<V>,
  positions: IndexTensor,
  { config, angles }: FinishOptions,
): KeysAndValues<V> {
  const { keys, values } = finishKeysAndValues(operations, weights, sums, config);
  return { keys: angles === null ? keys : operations.rope(keys, positions, angles), values };
}
