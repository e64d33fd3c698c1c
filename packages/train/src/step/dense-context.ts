/**
 * Keys and values of every position of a batch, one row each: what self layers need, and the least work where most
 * positions have losses or ids seldom come again.
 */

import type { IndexTensor } from '@inattention/core';
import { inattentionLayers, initialStates, type ModelConfig, projectKeysAndValues } from '@inattention/core/math';
import { batchAttention } from './batch-attention.ts';
import type { BatchContext, LayerAttention, PositionTensors } from './batch-loss.ts';
import type { BatchOperations } from './batch-operations.ts';
import type { BatchRows } from './batch-rows.ts';

export function denseBatchContext(
  config: ModelConfig,
  { angles, slopes }: PositionTensors,
  rows: BatchRows,
): BatchContext {
  const fromStates = new Set(inattentionLayers(config));
  const lastSelf = config.attentionTypes.findLastIndex((_, layer) => !fromStates.has(layer));
  const scale = 1 / Math.sqrt(config.headDim);
  const choose = <V>({ operations }: BatchOperations<V>, hidden: V): V =>
    rows.chosen === rows.all ? hidden : operations.embed(hidden, rows.chosenRows);
  return {
    targets: rows.targets,
    begin(run, weights) {
      const start = initialStates(run.operations, weights, rows.window); // x, [N, D]
      const states = run.operations.rmsNorm(start, null, config.rmsNormEps); // x̂, [N, D]
      return { hidden: lastSelf === -1 ? choose(run, start) : start, shared: [states] };
    },
    attend<V>(run: BatchOperations<V>, shared: readonly V[], { number, weights, queries, inputs }: LayerAttention<V>) {
      const { operations } = run;
      const [states] = shared as readonly [V];
      const rotate = (input: V, positions: IndexTensor): V =>
        angles === null ? input : operations.rope(input, positions, angles);
      const source = fromStates.has(number) ? operations.multiply(states, weights.norm) : inputs; // g ⊙ x̂, or u
      const { keys, values } = projectKeysAndValues(operations, weights, source, config);
      const { positions, texts } = number <= lastSelf ? rows.all : rows.chosen;
      const [q, k] = [rotate(queries, positions), rotate(keys, rows.all.positions)];
      return run.record([q, k, values], (eager, of) =>
        batchAttention(eager, of(q), of(k), of(values), { texts, scale, slopes }),
      );
    },
    afterLayer: (run, number, hidden) => (number === lastSelf ? choose(run, hidden) : hidden),
  };
}
