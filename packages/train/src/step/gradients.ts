/**
 * The loss of one training step and its gradients: the mean over every position that counts, of one batch or of several
 * whose gradients are added up (gradient accumulation: the same gradients as of one batch of all their texts, with the
 * activations of one at a time).
 */

import { type EagerOperations, InvalidArgumentError, type Tensor } from '@inattention/core';
import { RecordingOperations, type Variable } from '@inattention/core/autograd';
import { collectWeights, type Model } from '@inattention/model';
import type { Batch } from '../data/batch-source.ts';
import { batchLoss } from './batch-loss.ts';
import { recorded } from './batch-operations.ts';
import { type ComputeOptions, openBatchContext } from './compute-options.ts';
import { type Parameter, parametersOf } from './parameters.ts';
import { lossTermsOf, positionsOf, type Segment, segmentsOfBatch } from './segments.ts';

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
 * that the model cannot be trained on, DTypeError for a model that is not in f32, UnsupportedError for a way to compute
 * that the model does not have; nothing is changed.
 */
export function computeGradients(model: Model, batches: readonly Batch[], options: ComputeOptions = {}): StepGradients {
  const parameters = parametersOf(model);
  if (batches.length === 0) throw new InvalidArgumentError({ what: 'A step needs a batch.', got: 'none' });
  const operations = model.operations.separate('gradients');
  const parts = batches.map((batch) => segmentsOfBatch(batch, model.config, options.documents ?? 'separate'));
  const totals = new Map<string, Tensor>();
  const loss = operations.zeros([]);
  const dispose = () => {
    loss.dispose();
    for (const tensor of totals.values()) tensor.dispose();
  };
  try {
    const lossTerms = parts.reduce((terms, segments) => terms + lossTermsOf(segments), 0);
    for (const segments of parts) {
      addGradients(model, parameters, segments, options, 1 / lossTerms, { operations, loss, totals });
    }
    for (const { name, tensor } of parameters) {
      if (!totals.has(name)) totals.set(name, operations.zeros(tensor.shape));
    }
    const tokens = parts.reduce((sum, segments) => sum + positionsOf(segments), 0);
    return { loss, gradients: totals, lossTerms, tokens, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

interface Sums {
  readonly operations: EagerOperations;
  readonly loss: Tensor;
  readonly totals: Map<string, Tensor>;
}

/** Adds the loss of a batch, times `factor`, and its gradients. */
function addGradients(
  model: Model,
  parameters: readonly Parameter[],
  segments: readonly Segment[],
  options: ComputeOptions,
  factor: number,
  { operations, loss, totals }: Sums,
): void {
  using context = openBatchContext(model, segments, options);
  using recording = new RecordingOperations(model.operations);
  const variables = new Map(parameters.map(({ name, tensor }) => [name, recording.parameter(tensor)]));
  const weights = collectWeights(model.config, (name) => variables.get(name) as Variable);
  const { checkpointedLayers = 0 } = options;
  const value = batchLoss(recorded(recording), model.config, weights, context, { factor, checkpointedLayers });
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
