/** How a batch is computed: what a model's layers are and see, and choices that change memory and time, not the loss. */

import { InvalidArgumentError, UnsupportedError } from '@inattention/core';
import { type AttentionType, inattentionLayers, type ModelConfig } from '@inattention/core/math';
import type { Model } from '@inattention/model';
import type { BatchContext } from './batch-loss.ts';
import { createBatchRows } from './batch-rows.ts';
import { contextFlops } from './context-flops.ts';
import { denseBatchContext } from './dense-context.ts';
import { type DocumentMask, lossTermsOf, positionsOf, type Segment } from './segments.ts';
import { tableBatchContext } from './table-context.ts';
import { createTableRows } from './table-rows.ts';

/**
 * Where keys and values of a batch are kept: one row per position ("dense"), or one per offset and distinct id ("tables",
 * only without self layers), whatever the length of the texts.
 */
export type BatchContextKind = 'dense' | 'tables';

export interface ComputeOptions {
  /** Whether documents that share a text see each other. Default separate. */
  readonly documents?: DocumentMask;
  /** Computes the model with these kinds of layers instead of its own: the weights are the same. */
  readonly attentionTypes?: readonly AttentionType[];
  /**
   * Default auto: tables where at most half of the positions count, the model has no self layers, and tables are less work.
   * They give the same loss and gradients up to rounding.
   */
  readonly context?: BatchContextKind | 'auto';
  /** Tables: positions whose keys and values are dense at a time. Default: by the sizes of the model, 256 to 4,096. */
  readonly chunkLength?: number;
  /**
   * So many layers, from the first on, keep only their result and are computed again for the gradients, which are the same
   * bit for bit. Default 0.
   */
  readonly checkpointedLayers?: number;
}

/** What of a model a batch is computed with. */
export type ComputedModel = Pick<Model, 'backend' | 'operations' | 'config' | 'weights' | 'contextModel'>;

/** A model as the options have it computed. Throws InvalidArgumentError for other than a kind for each layer. */
export function computedModel(model: Model, { attentionTypes }: Pick<ComputeOptions, 'attentionTypes'>): ComputedModel {
  if (attentionTypes === undefined) return model;
  const { backend, operations, config, weights, contextModel } = model;
  if (attentionTypes.length !== config.numHiddenLayers) {
    throw new InvalidArgumentError({
      what: 'attentionTypes has a kind of attention for each layer.',
      got: `${attentionTypes.length} kinds`,
      expected: `${config.numHiddenLayers} of them`,
    });
  }
  return { backend, operations, config: { ...config, attentionTypes }, weights, contextModel };
}

/** The kind of context a batch is computed with. Throws UnsupportedError for tables of a model with self layers. */
export function contextKindOf(
  config: ModelConfig,
  segments: readonly Segment[],
  { context = 'auto' }: Pick<ComputeOptions, 'context'>,
): BatchContextKind {
  const selfLayers = config.numHiddenLayers - inattentionLayers(config).length;
  if (context === 'tables' && selfLayers > 0) {
    throw new UnsupportedError({
      what: 'Keys and values are kept by table row only where all of them come from initial states.',
      got: `a model with ${selfLayers} self layers`,
      fix: "leave context to 'auto', or take 'dense'",
    });
  }
  if (context !== 'auto') return context;
  if (selfLayers > 0 || 2 * lossTermsOf(segments) > positionsOf(segments)) return 'dense';
  const { dense, tables } = contextFlops(config, segments);
  return tables < dense ? 'tables' : 'dense';
}

/** A batch on the device of a model, as its layers take it; dispose of it after the gradients. */
export function openBatchContext(
  model: Pick<Model, 'backend' | 'config' | 'contextModel'>,
  segments: readonly Segment[],
  options: ComputeOptions,
): BatchContext & Disposable {
  const { backend, config, contextModel } = model;
  if (contextKindOf(config, segments, options) === 'tables') {
    const rows = createTableRows(backend, config, segments, options.chunkLength);
    return { ...tableBatchContext(config, contextModel, rows), [Symbol.dispose]: () => rows.dispose() };
  }
  const rows = createBatchRows(backend, config, segments);
  return { ...denseBatchContext(config, contextModel, rows), [Symbol.dispose]: () => rows.dispose() };
}
