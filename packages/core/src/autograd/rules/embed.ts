/**
 * Rows of a table by id: the gradient is added back row by row, in a fixed order, to the gradient the table has already
 * if it has one: a table used often, or tied to the head, takes one gradient of its size, not one per use.
 */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import type { IndexTensor } from '../../operations/index-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Recorded } from '../rule.ts';

export function embed(operations: EagerOperations, table: Tensor, ids: IndexTensor): Recorded {
  const [rows = 0, ...rest] = table.shape;
  const width = rest.reduce((size, dimension) => size * dimension, 1);
  return {
    output: operations.embed(table, ids),
    backward: (run, gradient, _wanted, [present]) => {
      const source = run.reshape(gradient, [ids.length, width]);
      if (present === undefined) return [run.reshape(run.scatterAddRows(ids, source, rows), table.shape)];
      run.addRows(run.reshape(present, [rows, width]), ids, source);
      return [null];
    },
  };
}
