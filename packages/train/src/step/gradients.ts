/**
 * The loss of one training step and its gradients: the mean over every position that counts, of one batch or of several
 * whose gradients are added up (gradient accumulation: the same gradients as of one batch of all their texts, with the
 * activations of one at a time).
 */

import { type EagerOperations, InvalidArgumentError, type Tensor } from '@inattention/core';
import { RecordingOperations, type Variable } from '@inattention/core/autograd';
import { collectWeights, type Model } from '@inattention/model';
import type { Batch } from '../data/batch-source.ts';
import { batchLoss, lastHidden } from './batch-loss.ts';
import { recorded } from './batch-operations.ts';
import { type ComputedModel, type ComputeOptions, computedModel, openBatchContext } from './compute-options.ts';
import { distillLoss } from './distill-loss.ts';
import { checkDistillationSettings, checkTeacher, type Distillation, teacherHidden } from './distillation.ts';
import { type Parameter, parametersOf } from './parameters.ts';
import { lossTermsOf, positionsOf, type Segment, segmentsOfBatch } from './segments.ts';
import { type TrainedPart, trainedParameters } from './trained-parameters.ts';

/** What a step's loss is, and what it is differentiated for. */
export interface GradientOptions extends ComputeOptions {
  /** A teacher whose logits are learnt. Default: cross-entropy with the text alone. */
  readonly distillation?: Distillation;
  /** Default all. */
  readonly trained?: TrainedPart;
}

/** What the loss of a step is, and where it falls. Whoever gets it disposes of it. */
export interface StepGradients {
  /** Mean loss in nats, a scalar on the device; that of distillation when there is a teacher. */
  readonly loss: Tensor;
  /** By parameter name; of every parameter that is trained, f32, counted as gradients. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** Positions whose losses count. */
  readonly lossTerms: number;
  /** Positions read. */
  readonly tokens: number;
  dispose(): void;
}

/**
 * Gradients of the mean loss of `batches`. Throws InvalidArgumentError, ShapeError or TokenOutOfRangeError for batches
 * that the model (or its teacher) cannot be trained on and for a teacher that does not fit it, DTypeError for a model that
 * is not in f32, UnsupportedError for a way to compute that the model does not have; nothing is changed.
 */
export function computeGradients(
  model: Model,
  batches: readonly Batch[],
  options: GradientOptions = {},
): StepGradients {
  const { distillation } = options;
  if (distillation !== undefined) {
    checkDistillationSettings(distillation);
    checkTeacher(model, distillation.teacher);
  }
  const seen = computedModel(model, options);
  const parameters = trainedParameters(seen, options.trained ?? 'all');
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
    parts.forEach((segments, number) => {
      const part = { batch: batches[number] as Batch, segments, factor: 1 / lossTerms };
      addGradients(seen, parameters, part, options, { operations, loss, totals });
    });
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

interface Part {
  readonly batch: Batch;
  readonly segments: readonly Segment[];
  /** Of its loss. */
  readonly factor: number;
}

/** Adds the loss of a batch, times a factor, and its gradients. */
function addGradients(
  model: ComputedModel,
  parameters: readonly Parameter[],
  { batch, segments, factor }: Part,
  options: GradientOptions,
  { operations, loss, totals }: Sums,
): void {
  const { checkpointedLayers = 0, distillation } = options;
  using taught = distillation === undefined ? null : teacherHidden(distillation.teacher, batch, options);
  using context = openBatchContext(model, segments, options);
  using recording = new RecordingOperations(model.operations);
  const trained = new Map(parameters.map(({ name, tensor }) => [name, recording.parameter(tensor)]));
  const others = new Map(parametersOf(model).map(({ name, tensor }) => [name, recording.constant(tensor)]));
  const weights = collectWeights(model.config, (name) => (trained.get(name) ?? others.get(name)) as Variable);
  const run = recorded(recording);
  const value =
    distillation === undefined || taught === null
      ? batchLoss(run, model.config, weights, context, { factor, checkpointedLayers })
      : distilled(lastHidden(run, model.config, weights, context, { checkpointedLayers }), taught, distillation);
  operations.addInto(loss, value.value);
  using gradients = recording.backward(value);
  for (const [name, variable] of trained) {
    const total = totals.get(name);
    if (total === undefined) {
      const first = gradients.take(variable);
      if (first !== undefined) totals.set(name, first);
    } else {
      const part = gradients.get(variable);
      if (part !== undefined) operations.addInto(total, part);
    }
  }

  function distilled(hidden: Variable, taughtHidden: Tensor, settings: Distillation): Variable {
    const { teacher, temperature = 1, weight = 1 } = settings;
    const { head } = weights;
    return recording.record([hidden, head], (eager) =>
      distillLoss(
        eager,
        hidden.value,
        head.value,
        context.targets,
        { hidden: taughtHidden, head: teacher.weights.head },
        { temperature, weight, factor, wanted: { hidden: hidden.differentiable, head: head.differentiable } },
      ),
    );
  }
}
