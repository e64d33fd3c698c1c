/** Loss without gradients: what validation runs. Activations of a layer live no longer than the layer. */

import type { Tensor } from '@inattention/core';
import type { Model } from '@inattention/model';
import type { Batch } from '../data/batch-source.ts';
import { batchLoss } from './batch-loss.ts';
import { computed } from './batch-operations.ts';
import { type ComputedModel, type ComputeOptions, computedModel, openBatchContext } from './compute-options.ts';
import { lossTermsOf, type Segment, segmentsOfBatch } from './segments.ts';

/** Mean loss of a batch, and over how many positions. */
export interface BatchLossValue {
  /** Nats. */
  readonly loss: number;
  readonly lossTerms: number;
}

/** The mean loss of a batch. Throws as `computeGradients` does for a batch that does not fit the model. */
export async function evaluateBatch(
  model: Model,
  batch: Batch,
  options: Omit<ComputeOptions, 'checkpointing'> = {},
): Promise<BatchLossValue> {
  const segments = segmentsOfBatch(batch, model.config, options.documents ?? 'separate');
  const lossTerms = lossTermsOf(segments);
  using loss = computeLoss(computedModel(model, options), segments, options, 1 / lossTerms);
  const [value = Number.NaN] = await loss.readFloat32();
  return { loss: value, lossTerms };
}

function computeLoss(
  model: ComputedModel,
  segments: readonly Segment[],
  options: ComputeOptions,
  factor: number,
): Tensor {
  using context = openBatchContext(model, segments, options);
  const { config, weights } = model;
  return batchLoss(computed(model.operations.separate()), config, weights, context, { factor });
}
