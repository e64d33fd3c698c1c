/**
 * The loss of one training step and its gradients: the mean over every position that counts, of one batch or of several
 * whose gradients are added up (gradient accumulation: the same gradients as of one batch of all their texts, with the
 * activations of one at a time).
 */

import type { EagerOperations, Tensor } from '@inattention/core';
import { RecordingOperations, type Variable } from '@inattention/core/autograd';
import { collectWeights, type Model } from '@inattention/model';
import type { Batch } from '../data/batch-source.ts';
import { batchLoss, recorded } from './batch-loss.ts';
import { type BatchRows, createBatchRows, type DocumentMask } from './batch-rows.ts';
import { type Parameter, parametersOf } from './parameters.ts';

/** What the loss of a step is, and where it falls. Whoever gets it disposes of it. */
export interface StepGradients {
  /** Mean loss in nats, a scalar on the device. */
  readonly loss: Tensor;
  /** By parameter name; of every parameter, f32, counted as gradients. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** Positions whose losses count. */
  readonly lossTerms: number;
  /** Positions read. */
  readonly tokens: number;
  dispose(): void;
}

/**
 * Gradients of the mean loss of `batches`. Throws InvalidArgumentError, ShapeError or TokenOutOfRangeError for batches
 * that the model cannot be trained on, DTypeError for a model that is not in f32; nothing is changed.
 */
export function computeGradients(
  model: Model,
  batches: readonly Batch[],
  { documents = 'separate' }: { readonly documents?: DocumentMask } = {},
): StepGradients {
  const parameters = parametersOf(model);
  const operations = model.operations.separate('gradients');
  const parts: BatchRows[] = [];
  const totals = new Map<string, Tensor>();
  const loss = operations.zeros([]);
  const dispose = () => {
    loss.dispose();
    for (const tensor of totals.values()) tensor.dispose();
  };
  try {
    for (const batch of batches) parts.push(createBatchRows(model.backend, model.config, batch, documents));
    const lossTerms = parts.reduce((terms, { targets }) => terms + targets.length, 0);
    for (const rows of parts) addGradients(model, parameters, rows, 1 / lossTerms, { operations, loss, totals });
    for (const { name, tensor } of parameters) {
      if (!totals.has(name)) totals.set(name, operations.zeros(tensor.shape));
    }
    const tokens = parts.reduce((sum, { count }) => sum + count, 0);
    return { loss, gradients: totals, lossTerms, tokens, dispose };
  } catch (error) {
    dispose();
    throw error;
  } finally {
    for (const rows of parts) rows.dispose();
  }
}

interface Sums {
  readonly operations: EagerOperations;
  readonly loss: Tensor;
  readonly totals: Map<string, Tensor>;
}

/** Adds the loss of some rows, times `factor`, and its gradients. */
function addGradients(
  model: Model,
  parameters: readonly Parameter[],
  rows: BatchRows,
  factor: number,
  { operations, loss, totals }: Sums,
): void {
  using recording = new RecordingOperations(model.operations);
  const variables = new Map(parameters.map(({ name, tensor }) => [name, recording.parameter(tensor)]));
  const weights = collectWeights(model.config, (name) => variables.get(name) as Variable);
  const value = batchLoss(recorded(recording), model.config, weights, model.contextModel, rows, factor);
  operations.addInto(loss, value.value);
  using gradients = recording.backward(value);
  for (const [name, variable] of variables) {
    const total = totals.get(name);
    if (total === undefined) {
      const first = gradients.take(variable);
      if (first !== undefined) totals.set(name, first);
    } else {
      const part = gradients.get(variable);
      if (part !== undefined) operations.addInto(total, part);
    }
  }
}
