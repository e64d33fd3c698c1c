/**
 * The decoder over a batch (DESIGN §2): everything but attention over all its rows at once. Hidden states exist where
 * losses count, and below the last self layer everywhere; where keys and values are, is the business of a `BatchContext`.
 * Written once over `BatchOperations`, recorded for a training step and computed at once for evaluation.
 *
 * Shape letters: n rows whose losses count, D hidden size, H query heads, C head size.
 */

import type { IndexTensor, RopeAngles, Tensor } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { type DecoderWeights, decoderLayer, type LayerWeights } from '@inattention/model';
import type { BatchOperations, Stretch } from './batch-operations.ts';

/** What of a model positions are made with, on its device. */
export interface PositionTensors {
  readonly angles: RopeAngles | null;
  /** [H] */
  readonly slopes: Tensor | null;
}

/** What a layer's attention is given. */
export interface LayerAttention<V> {
  /** Number of the layer. */
  readonly number: number;
  readonly weights: LayerWeights<V>;
  /** [n, H, C], not yet rotated. */
  readonly queries: V;
  /** The layer's normalised inputs u, [n, D]. */
  readonly inputs: V;
}

/** Keys and values of a batch, and what is computed of them before the layers. */
export interface BatchContext {
  /** Before the layers: hidden states to begin with, and what every layer's attention takes. */
  begin<V>(run: BatchOperations<V>, weights: DecoderWeights<V>): { readonly hidden: V; readonly shared: readonly V[] };
  /** Attention of a layer, [n, H, C]. */
  attend<V>(run: BatchOperations<V>, shared: readonly V[], layer: LayerAttention<V>): V;
  /** Hidden states as the next layer takes them. */
  afterLayer<V>(run: BatchOperations<V>, number: number, hidden: V): V;
  /** Ids that the rows are to foresee, [n]. */
  readonly targets: IndexTensor;
}

interface HiddenOptions {
  /** So many layers, from the first on, are computed again for their gradients instead of kept. Default 0. */
  readonly checkpointedLayers?: number;
}

interface BatchLossOptions extends HiddenOptions {
  /** Of the loss. */
  readonly factor: number;
}

/** factor · Σ of the losses that count, as a scalar. */
export function batchLoss<V>(
  run: BatchOperations<V>,
  config: ModelConfig,
  weights: DecoderWeights<V>,
  context: BatchContext,
  { factor, ...options }: BatchLossOptions,
): V {
  return run.operations.scope(() => {
    const last = lastHidden(run, config, weights, context, options);
    return run.headLoss(last, weights.head, context.targets, factor);
  });
}

/** Normalised last hidden states of the rows that count, [n, D]: what logits are made of. */
export function lastHidden<V>(
  run: BatchOperations<V>,
  config: ModelConfig,
  weights: DecoderWeights<V>,
  context: BatchContext,
  { checkpointedLayers = 0 }: HiddenOptions = {},
): V {
  const { operations } = run;
  return operations.scope(() => {
    const { hidden: first, shared } = context.begin(run, weights);
    const hidden = weights.layers.reduce((before, layer, number) => {
      const { parts, together } = takeApart(layer);
      const stretch: Stretch = <W>(inner: BatchOperations<W>, inputs: readonly W[]) => {
        const [start, ...others] = inputs as readonly [W, ...W[]];
        const own = together(others.slice(0, parts.length));
        const common = others.slice(parts.length);
        return decoderLayer(inner.operations, config, own, start, (queries, normalised) =>
          context.attend(inner, common, { number, weights: own, queries, inputs: normalised }),
        );
      };
      const inputs = [before, ...parts, ...shared];
      const after = run.stretch(inputs, stretch, number < checkpointedLayers);
      return context.afterLayer(run, number, after);
    }, first);
    return operations.rmsNorm(hidden, weights.norm, config.rmsNormEps);
  });
}

/** A layer's parameters as a list, and back from one like it. */
function takeApart<V>(layer: LayerWeights<V>): {
  readonly parts: readonly V[];
  readonly together: <W>(parts: readonly W[]) => LayerWeights<W>;
} {
  const entries = Object.entries(layer) as (readonly [keyof LayerWeights<V>, V | null])[];
  const present = entries.filter((entry): entry is readonly [keyof LayerWeights<V>, V] => entry[1] !== null);
  return {
    parts: present.map(([, part]) => part),
    together: <W>(parts: readonly W[]) => {
      const own: Partial<Record<keyof LayerWeights<W>, W | null>> = {};
      for (const [name] of entries) own[name] = null;
      for (const [place, [name]] of present.entries()) own[name] = parts[place] as W;
      return own as LayerWeights<W>;
    },
  };
}
