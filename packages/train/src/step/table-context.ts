/**
 * Keys and values of a batch by table row, for models without self layers: what is computed for the positions whose
 * losses do not count does not go beyond the rows of their ids (DESIGN §3.9). Layers attend by `tableAttention`.
 *
 * Shape letters: N positions, n positions that count, D hidden size, U distinct ids, w window.
 */

import type { Tensor } from '@inattention/core';
import { type ModelConfig, mixWindow, windowTerm } from '@inattention/core/math';
import type { DecoderWeights } from '@inattention/model';
import type { BatchContext, LayerAttention, PositionTensors } from './batch-loss.ts';
import type { BatchOperations } from './batch-operations.ts';
import { contextScales } from './context-scales.ts';
import { interleave } from './interleave.ts';
import { tableAttention } from './table-attention.ts';
import type { TableRows } from './table-rows.ts';

export function tableBatchContext(
  config: ModelConfig,
  { angles, slopes }: PositionTensors,
  rows: TableRows,
): BatchContext {
  const options = { rows, config, angles, slopes, scale: 1 / Math.sqrt(config.headDim) };
  return {
    targets: rows.targets,
    begin<V>(run: BatchOperations<V>, weights: DecoderWeights<V>) {
      const { operations } = run;
      const terms = termsOf(run, weights, rows);
      const positionStates = positionStatesOf(run, weights, rows);
      const sums = positionStates === null ? [terms] : [terms, positionStates];
      const scales = run.record(sums, (eager, of) =>
        contextScales(
          eager,
          { terms: of(terms), positionStates: optional(of, positionStates) },
          rows,
          config.rmsNormEps,
        ),
      );
      const own = rows.chosenRows.map((places) => operations.embed(terms, places)); // [n, D] each
      if (positionStates !== null) own.push(operations.embed(positionStates, rows.chosenPositions));
      return { hidden: own.reduce((sum, term) => operations.add(sum, term)), shared: [scales, ...sums] };
    },
    attend<V>(run: BatchOperations<V>, shared: readonly V[], { weights, queries }: LayerAttention<V>) {
      const { norm, key, value, keyBias, valueBias, keyNorm } = weights;
      const [scales, terms, positionStates = null] = shared as readonly [V, V, V?];
      const q = angles === null ? queries : run.operations.rope(queries, rows.chosenPositions, angles);
      const always = [q, norm, key, value, scales, terms];
      const inputs = [...always, ...[keyBias, valueBias, keyNorm, positionStates].filter((part) => part !== null)];
      return run.record(inputs, (eager, of) => {
        const given = {
          queries: of(q),
          norm: of(norm),
          key: of(key),
          value: of(value),
          scales: of(scales),
          terms: of(terms),
        };
        const biases = { keyBias: optional(of, keyBias), valueBias: optional(of, valueBias) };
        const others = { keyNorm: optional(of, keyNorm), positionStates: optional(of, positionStates) };
        return tableAttention(eager, { ...given, ...biases, ...others }, options);
      });
    },
    afterLayer: (_run, _number, hidden) => hidden,
  };
}

/** T: M_j E[t] of the distinct ids at every offset, [U · w, D]. */
function termsOf<V>({ operations, record }: BatchOperations<V>, weights: DecoderWeights<V>, rows: TableRows): V {
  const embedded = operations.embed(weights.embedding, rows.ids); // [U, D]
  if (rows.window === 1) return embedded;
  const terms = rows.chosenRows.map((_, offset) => windowTerm(operations, weights, embedded, offset));
  return record(terms, (eager, of) => interleave(eager, terms.map(of)));
}

/** S: Σ_j M_j P[p−j] of the positions of the longest text, [positions, D]; null unless positions are learned. */
function positionStatesOf<V>(
  { operations }: BatchOperations<V>,
  weights: DecoderWeights<V>,
  rows: TableRows,
): V | null {
  const { positions: table } = weights;
  if (table === null || rows.positions === null) return null;
  const embedded = rows.positions.map((positions) => operations.embed(table, positions));
  return mixWindow(operations, weights, embedded);
}

function optional<V>(tensorOf: (input: V) => Tensor, input: V | null): Tensor | null {
  return input === null ? null : tensorOf(input);
}
