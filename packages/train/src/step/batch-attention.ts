/**
 * Causal attention of the rows of a batch, text by text: no row sees another text. Results of all texts lie in one
 * tensor, so that what follows goes over all rows at once. Keeps log-sum-exp per query and head, as attention of one
 * text does, and recomputes the weights from it.
 *
 * Shape letters: N rows, n query rows, H query heads, G key/value heads, C head size.
 */

import { denseContext, type EagerOperations, lowestFloat, type Tensor } from '@inattention/core';
import type { Recorded } from '@inattention/core/autograd';
import type { AttentionText } from './batch-rows.ts';

interface BatchAttentionOptions {
  readonly texts: readonly AttentionText[];
  /** Factor on q·k. */
  readonly scale: number;
  /** ALiBi slopes [H]; null for none. */
  readonly slopes: Tensor | null;
}

/** Attention of queries [n, H, C] over keys and values [N, G, C], and how it is differentiated. */
export function batchAttention(
  operations: EagerOperations,
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  { texts, scale, slopes }: BatchAttentionOptions,
): Recorded {
  const [rows = 0, heads = 0] = queries.shape;
  const [out, logSumExp] = operations.scope(() => {
    const state = {
      out: operations.zeros(queries.shape),
      max: operations.full([rows, heads], lowestFloat),
      sum: operations.zeros([rows, heads]),
    };
    for (const text of texts) {
      const query = (tensor: Tensor) => operations.slice(tensor, text.queryStart, text.queryCount);
      const key = (tensor: Tensor) => operations.slice(tensor, text.keyStart, text.keyCount);
      operations.scope(() => {
        const into = { out: query(state.out), max: query(state.max), sum: query(state.sum) };
        const view = denseContext(key(keys), key(values), 0);
        operations.attend(query(queries), text.positions, view, { scale, slopes, into });
      });
    }
    return [state.out, operations.logSumExp(state)] as const;
  });
  const backward = (run: EagerOperations, gradient: Tensor): Tensor[] => {
    const total = { queries: run.zeros(queries.shape), keys: run.zeros(keys.shape), values: run.zeros(values.shape) };
    for (const text of texts) {
      const query = (tensor: Tensor) => run.slice(tensor, text.queryStart, text.queryCount);
      const key = (tensor: Tensor) => run.slice(tensor, text.keyStart, text.keyCount);
      run.scope(() => {
        const part = run.attendBackward(
          {
            queries: query(queries),
            positions: text.positions,
            keys: key(keys),
            values: key(values),
            firstPosition: 0,
            out: query(out),
            logSumExp: query(logSumExp),
            gradOut: query(gradient),
          },
          { scale, slopes },
        );
        run.addInto(query(total.queries), part.queries);
        run.addInto(key(total.keys), part.keys);
        run.addInto(key(total.values), part.values);
      });
    }
    return [total.queries, total.keys, total.values];
  };
  return { output: out, saved: [logSumExp], backward };
}
