/** Rows of a table by id: the gradient is added back row by row, in a fixed order. */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { IndexTensor } from '../../operations/index-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';

export function embed(operations: EagerOperations, table: Tensor, ids: IndexTensor): Recorded {
  const [rows = 0, ...rest] = table.shape;
  const width = rest.reduce((size, dimension) => size * dimension, 1);
  return {
    output: operations.embed(table, ids),
    backward: (run, gradient) => [
      run.scope(() => {
        const flat = run.reshape(gradient, [ids.length, width]);
        return run.reshape(run.scatterAddRows(ids, flat, rows), table.shape);
      }),
    ],
  };
}
