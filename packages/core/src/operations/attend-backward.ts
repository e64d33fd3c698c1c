/**
 * Gradients of attention over dense keys and values, recomputed from log-sum-exp (Dao et al., arXiv 2205.14135, §B.2):
 *
 *     P = exp(S − logSumExp);  dV = Pᵀ dO;  dS = P ⊙ (dO Vᵀ − rowsum(dO ⊙ O));  dQ = scale · dS K;  dK = scale · dSᵀ Q
 *
 * The composed version takes keys in blocks and queries in tiles: its scratch grows with neither.
 */

import type { Tensor } from '../tensor/tensor.ts';
import { blockEntries, tileQueries } from './attend.ts';
import {
  groupHeads,
  maskedScores,
  type ScoreOptions,
  seenExponentials,
  ungroupHeads,
  visibleEntries,
} from './attention-scores.ts';
import { checkQueries } from './check-attention.ts';
import { addInto, binary } from './elementwise.ts';
import { IndexTensor } from './index-tensor.ts';
import { matmul } from './matmul.ts';
import { permute } from './movement.ts';
import { expectFloat, type OperationContext, produce } from './operation-context.ts';
import { reduce } from './reduce.ts';

export interface AttendBackwardInputs {
  /** [T, H, C] */
  readonly queries: Tensor;
  readonly positions: IndexTensor;
  /** [N, G, C] */
  readonly keys: Tensor;
  /** [N, G, C] */
  readonly values: Tensor;
  readonly firstPosition: number;
  /** [T, H, C]: what attend returned. */
  readonly out: Tensor;
  /** [T, H] */
  readonly logSumExp: Tensor;
  /** [T, H, C] */
  readonly gradOut: Tensor;
}

/** Each of its input's shape. */
export type AttentionGradients = {
  readonly queries: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
};

export function attendBackward(
  context: OperationContext,
  inputs: AttendBackwardInputs,
  options: ScoreOptions,
): AttentionGradients {
  check(context, inputs, options);
  const { queries, keys, values, positions, firstPosition, out, logSumExp, gradOut } = inputs;
  const { scale, slopes } = options;
  const { attendBackward: fused } = context.fused;
  return context.scope(() => {
    const gradients = {
      queries: zerosLike(context, queries),
      keys: zerosLike(context, keys),
      values: zerosLike(context, values),
    };
    if (queries.size === 0 || keys.size === 0) return gradients;
    if (fused === undefined) {
      composed(context, inputs, options, gradients);
      return gradients;
    }
    fused({
      queries,
      positions: positions.tensor,
      keys,
      values,
      firstPosition,
      slopes,
      scale,
      out,
      logSumExp,
      gradOut,
      gradQueries: gradients.queries,
      gradKeys: gradients.keys,
      gradValues: gradients.values,
    });
    return gradients;
  });
}

function check(context: OperationContext, inputs: AttendBackwardInputs, { slopes }: ScoreOptions): void {
  const { queries, keys, values, positions, out, logSumExp, gradOut } = inputs;
  expectFloat(context, keys, 'attendBackward: the keys', [null, null, null]);
  expectFloat(context, values, 'attendBackward: the values', keys.shape);
  const [, kvHeads, headDim] = keys.shape as readonly [number, number, number];
  checkQueries(context, 'attendBackward', queries, positions, slopes, { kvHeads, headDim });
  expectFloat(context, out, 'attendBackward: the output', queries.shape);
  expectFloat(context, gradOut, 'attendBackward: the gradient', queries.shape);
  expectFloat(context, logSumExp, 'attendBackward: logSumExp', queries.shape.slice(0, 2));
}

/** Adds to `gradients`, which are zeros. */
function composed(
  context: OperationContext,
  inputs: AttendBackwardInputs,
  options: ScoreOptions,
  gradients: AttentionGradients,
): void {
  const { keys, values, positions, firstPosition } = inputs;
  const end = visibleEntries(positions, firstPosition, keys.shape[0] as number);
  for (let start = 0; start < end; start += blockEntries) {
    const count = Math.min(blockEntries, end - start);
    for (let first = 0; first < positions.length; first += tileQueries) {
      context.scope(() => {
        const entriesOf = (tensor: Tensor) => context.own(tensor.slice(start, count));
        const block = {
          ...queryTile(context, inputs, first, Math.min(tileQueries, positions.length - first)),
          keys: entriesOf(keys),
          values: entriesOf(values),
          firstPosition: firstPosition + start,
        };
        const part = blockGradients(context, block, options);
        addInto(context, context.own(gradients.queries.slice(first, block.positions.length)), part.queries);
        addInto(context, entriesOf(gradients.keys), part.keys);
        addInto(context, entriesOf(gradients.values), part.values);
      });
    }
  }
}

/** What belongs to queries [first, first + count). */
function queryTile(
  context: OperationContext,
  inputs: AttendBackwardInputs,
  first: number,
  count: number,
): AttendBackwardInputs {
  const slice = (tensor: Tensor) => context.own(tensor.slice(first, count));
  const { positions } = inputs;
  return {
    ...inputs,
    queries: slice(inputs.queries),
    positions: IndexTensor.over(positions.values.subarray(first, first + count), slice(positions.tensor)),
    out: slice(inputs.out),
    logSumExp: slice(inputs.logSumExp),
    gradOut: slice(inputs.gradOut),
  };
}

function blockGradients(
  context: OperationContext,
  inputs: AttendBackwardInputs,
  options: ScoreOptions,
): AttentionGradients {
  const { queries, keys, values, out, logSumExp, gradOut } = inputs;
  const [rows, heads] = queries.shape as readonly [number, number, number];
  const [entries, kvHeads] = keys.shape as readonly [number, number, number];
  const groupRows = (heads / kvHeads) * rows;
  const scores = maskedScores(context, inputs, options); // [H, T, n]
  const exponentials = seenExponentials(context, scores, permute(context, logSumExp, [1, 0]), inputs);
  const weights = context.own(exponentials.reshape([kvHeads, groupRows, entries])); // P
  const gradOutByHead = groupHeads(context, gradOut, kvHeads); // [G, H/G · T, C]
  const keysByHead = permute(context, keys, [1, 0, 2]); // [G, n, C]
  const valuesByHead = permute(context, values, [1, 0, 2]);
  const gradWeights = matmul(context, gradOutByHead, valuesByHead, { transposeB: true }); // dO Vᵀ
  const products = binary(context, 'multiply', gradOutByHead, groupHeads(context, out, kvHeads));
  const along = context.own(reduce(context, 'sum', products, 2).reshape([kvHeads, groupRows, 1])); // rowsum(dO ⊙ O)
  const gradScores = binary(context, 'multiply', weights, binary(context, 'subtract', gradWeights, along)); // dS
  const { scale } = options;
  const gradQueries = matmul(context, gradScores, keysByHead, { scale }); // [G, H/G · T, C]
  const queriesByHead = groupHeads(context, queries, kvHeads);
  const gradKeys = matmul(context, gradScores, queriesByHead, { transposeA: true, scale }); // [G, n, C]
  const gradValues = matmul(context, weights, gradOutByHead, { transposeA: true });
  return {
    queries: ungroupHeads(context, gradQueries, rows, heads),
    keys: permute(context, gradKeys, [1, 0, 2]),
    values: permute(context, gradValues, [1, 0, 2]),
  };
}

function zerosLike(context: OperationContext, tensor: Tensor): Tensor {
  return produce(context, tensor.shape, (out) => context.backend.primitives.fill({ out, value: 0 }));
}
