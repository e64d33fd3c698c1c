/**
 * Gradients of attention over dense keys and values, recomputed from log-sum-exp (Dao et al., arXiv 2205.14135, §B.2):
 *
 *     P = exp(S − logSumExp);  dV = Pᵀ dO;  dS = P ⊙ (dO Vᵀ − rowsum(dO ⊙ O));  dQ = scale · dS K;  dK = scale · dSᵀ Q
 */

import type { Tensor } from '../tensor/tensor.ts';
import { type AttendOptions, maskedScores, visibility } from './attend.ts';
import { binary, unary } from './elementwise.ts';
import type { IndexTensor } from './index-tensor.ts';
import { matmul } from './matmul.ts';
import { permute } from './movement.ts';
import type { OperationContext } from './operation-context.ts';
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
  /** [T, H, C] */
  readonly out: Tensor;
  /** [T, H] */
  readonly logSumExp: Tensor;
  /** [T, H, C] */
  readonly gradOut: Tensor;
}

export interface AttentionGradients {
  readonly queries: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Keys taken at a time by the composed version: bounds its scratch to T × this many scores per head. */
const blockEntries = 256;

export function attendBackward(
  context: OperationContext,
  inputs: AttendBackwardInputs,
  options: Pick<AttendOptions, 'scale' | 'slopes'>,
): AttentionGradients {
  const { queries, keys, values, positions } = inputs;
  const gradients = {
    queries: zerosLike(context, queries),
    keys: zerosLike(context, keys),
    values: zerosLike(context, values),
  };
  const { attendBackward: fused } = context.fused;
  if (fused !== undefined) {
    fused({
      ...inputs,
      ...options,
      positions: positions.tensor,
      gradQueries: gradients.queries,
      gradKeys: gradients.keys,
      gradValues: gradients.values,
    });
    return gradients;
  }
  const entries = keys.shape[0] as number;
  for (let start = 0; start < entries; start += blockEntries) {
    const count = Math.min(blockEntries, entries - start);
    context.scope(() => {
      const block = {
        ...inputs,
        keys: context.own(keys.slice(start, count)),
        values: context.own(values.slice(start, count)),
        firstPosition: inputs.firstPosition + start,
      };
      const part = blockGradients(context, block, options);
      context.backend.primitives.add({
        a: gradients.queries,
        b: part.queries,
        broadcast: { length: Math.max(1, queries.size), stride: 1 },
        out: gradients.queries,
      });
      context.backend.primitives.cast({ input: part.keys, out: context.own(gradients.keys.slice(start, count)) });
      context.backend.primitives.cast({ input: part.values, out: context.own(gradients.values.slice(start, count)) });
    });
  }
  return gradients;
}

function blockGradients(
  context: OperationContext,
  { queries, positions, keys, values, firstPosition, out, logSumExp, gradOut }: AttendBackwardInputs,
  options: Pick<AttendOptions, 'scale' | 'slopes'>,
): AttentionGradients {
  const [rows, heads, headDim] = queries.shape as readonly [number, number, number];
  const [entries, kvHeads] = keys.shape as readonly [number, number, number];
  const group = heads / kvHeads;
  const byHead = (tensor: Tensor) =>
    context.own(permute(context, tensor, [1, 0, 2]).reshape([kvHeads, group * rows, headDim])); // [T, H, C] -> [G, H/G · T, C]
  const scores = maskedScores(context, queries, positions, keys, firstPosition, options); // [H, T, n]
  const total = context.own(permute(context, logSumExp, [1, 0]).reshape([heads, rows, 1]));
  const exponentials = context.own(
    unary(context, 'exp', binary(context, 'subtract', scores, total)).reshape([heads, rows * entries]),
  );
  const seen = visibility(context, positions, entries, firstPosition);
  const weights = context.own(
    binary(context, 'multiply', exponentials, seen).reshape([kvHeads, group * rows, entries]), // P
  );
  const gradOutByHead = byHead(gradOut);
  const keysByHead = permute(context, keys, [1, 0, 2]); // [G, n, C]
  const valuesByHead = permute(context, values, [1, 0, 2]);
  const gradWeights = matmul(context, gradOutByHead, valuesByHead, { transposeB: true }); // dO Vᵀ
  const along = reduce(context, 'sum', binary(context, 'multiply', gradOutByHead, byHead(out)), 2); // rowsum(dO ⊙ O)
  const centred = binary(context, 'subtract', gradWeights, context.own(along.reshape([kvHeads, group * rows, 1])));
  const gradScores = binary(context, 'multiply', weights, centred); // dS
  const { scale } = options;
  const gradQueries = matmul(context, gradScores, keysByHead, { scale }); // [G, H/G · T, C]
  const gradKeys = matmul(context, gradScores, byHead(queries), { transposeA: true, scale }); // [G, n, C]
  const gradValues = matmul(context, weights, gradOutByHead, { transposeA: true });
  return {
    queries: permute(context, context.own(gradQueries.reshape([heads, rows, headDim])), [1, 0, 2]),
    keys: permute(context, gradKeys, [1, 0, 2]),
    values: permute(context, gradValues, [1, 0, 2]),
  };
}

function zerosLike(context: OperationContext, tensor: Tensor): Tensor {
  const out = context.allocate(tensor.shape);
  if (out.size > 0) context.backend.primitives.fill({ out, value: 0 });
  return out;
}
