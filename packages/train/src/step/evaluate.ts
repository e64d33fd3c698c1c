/** Loss without gradients: what validation runs. Activations of a layer live no longer than the layer. */

import type { Model } from '@inattention/model';
import type { Batch } from '../data/batch-source.ts';
import { batchLoss, computed } from './batch-loss.ts';
import { createBatchRows, type DocumentMask } from './batch-rows.ts';

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
  { documents = 'separate' }: { readonly documents?: DocumentMask } = {},
): Promise<BatchLossValue> {
  const rows = createBatchRows(model.backend, model.config, batch, documents);
  try {
    const operations = model.operations.separate();
    const lossTerms = rows.targets.length;
    const { config, weights, contextModel } = model;
    using loss = batchLoss(computed(operations), config, weights, contextModel, rows, 1 / lossTerms);
    const [value = Number.NaN] = await loss.readFloat32();
    return { loss: value, lossTerms };
  } finally {
    rows.dispose();
  }
}
