/**
 * The decoder over the rows of a batch (DESIGN §2): everything but attention over all rows at once. Hidden states exist
 * where losses count, and below the last self layer everywhere; keys and values exist everywhere. Written once over
 * `BatchOperations`, recorded for a training step and computed at once for evaluation.
 *
 * Shape letters: N rows of the batch, n rows whose losses count, D hidden size.
 */

import type { EagerOperations, IndexTensor, Operations, RopeAngles, Tensor } from '@inattention/core';
import type { RecordingOperations, Variable } from '@inattention/core/autograd';
import { inattentionLayers, initialStates, type ModelConfig, projectKeysAndValues } from '@inattention/core/math';
import { type DecoderWeights, decoderLayer } from '@inattention/model';
import { type BatchAttentionOptions, batchAttention } from './batch-attention.ts';
import type { BatchRows } from './batch-rows.ts';
import { headLoss, headLossValue } from './head-loss.ts';

/** What a batch needs beyond the operations of a decoder. */
interface BatchOperations<V> {
  readonly operations: Operations<V>;
  /** Attention of queries [n, H, C] over keys and values [N, G, C], text by text. */
  attention(queries: V, keys: V, values: V, options: BatchAttentionOptions): V;
  /** Σ loss of normalised hidden states [n, D] under a head [V, D], times a factor: a scalar. */
  headLoss(hidden: V, head: V, targets: IndexTensor, factor: number): V;
}

/** What of a model positions are made with, on its device. */
export interface PositionTensors {
  readonly angles: RopeAngles | null;
  /** [H] */
  readonly slopes: Tensor | null;
}

/** Operations that are remembered, for gradients. */
export function recorded(recording: RecordingOperations): BatchOperations<Variable> {
  return {
    operations: recording,
    attention: (queries, keys, values, options) =>
      recording.record([queries, keys, values], (run) =>
        batchAttention(run, queries.value, keys.value, values.value, options),
      ),
    headLoss: (hidden, head, targets, factor) =>
      recording.record([hidden, head], (run) => headLoss(run, hidden.value, head.value, targets, factor)),
  };
}

/** Operations that only compute, for evaluation. */
export function computed(operations: EagerOperations): BatchOperations<Tensor> {
  return {
    operations,
    attention: (queries, keys, values, options) => {
      const { output, saved = [] } = batchAttention(operations, queries, keys, values, options);
      for (const part of saved) part.dispose();
      return output;
    },
    headLoss: (hidden, head, targets, factor) =>
      operations.scope(() => operations.scale(headLossValue(operations, hidden, head, targets), factor)),
  };
}

/** factor · Σ of the losses that count, as a scalar. */
export function batchLoss<V>(
  { operations, attention, headLoss }: BatchOperations<V>,
  config: ModelConfig,
  weights: DecoderWeights<V>,
  { angles, slopes }: PositionTensors,
  rows: BatchRows,
  factor: number,
): V {
  return operations.scope(() => {
    const start = initialStates(operations, weights, rows.window); // x, [N, D]
    const states = operations.rmsNorm(start, null, config.rmsNormEps); // x̂, [N, D]
    const fromStates = new Set(inattentionLayers(config));
    const lastSelf = config.attentionTypes.findLastIndex((_, layer) => !fromStates.has(layer));
    const rotate = (input: V, positions: IndexTensor): V =>
      angles === null ? input : operations.rope(input, positions, angles);
    const choose = (hidden: V): V => (rows.chosen === rows.all ? hidden : operations.embed(hidden, rows.chosenRows));
    const scale = 1 / Math.sqrt(config.headDim);

    let queryRows = lastSelf === -1 ? rows.chosen : rows.all; // rows whose hidden states are computed
    let hidden = lastSelf === -1 ? choose(start) : start;
    weights.layers.forEach((layer, number) => {
      hidden = decoderLayer(operations, config, layer, hidden, (queries, inputs) => {
        const source = fromStates.has(number) ? operations.multiply(states, layer.norm) : inputs; // g ⊙ x̂, or u
        const { keys, values } = projectKeysAndValues(operations, layer, source, config);
        return attention(rotate(queries, queryRows.positions), rotate(keys, rows.all.positions), values, {
          texts: queryRows.texts,
          scale,
          slopes,
        });
      });
      if (number === lastSelf) {
        hidden = choose(hidden);
        queryRows = rows.chosen;
      }
    });
    const last = operations.rmsNorm(hidden, weights.norm, config.rmsNormEps);
    return headLoss(last, weights.head, rows.targets, factor);
  });
}
