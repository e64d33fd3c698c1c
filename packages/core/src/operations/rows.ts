/** Gathering rows of a table by id, and adding rows back to it. */

import { DTypeError, InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { expectShape, formatShape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { IndexTensor } from './index-tensor.ts';
import { expectFloat, expectHere, expectWeight, type OperationContext, produce } from './operation-context.ts';

/** Rows `ids` of a table [R, D] (or [R, ...]) as [n, ...]; zeros for −1. Ids are checked against the host copy. */
export function embed(context: OperationContext, table: Tensor, ids: IndexTensor): Tensor {
  expectWeight(context, table, 'embed: the table');
  const [rows, ...rest] = table.shape;
  if (rows === undefined) {
    throw new ShapeError({ what: 'embed: a table needs rows.', got: formatShape(table.shape), expected: '[R, ..]' });
  }
  checkIds(ids.values, rows, 'embed');
  return context.scope(() => {
    const flat = context.own(table.reshape([rows, sizeOf(rest)]));
    const gathered = gatherRows(context, [flat], Math.max(1, rows), ids.tensor);
    return context.own(gathered.reshape([ids.length, ...rest]));
  });
}

/** Rows `ids` (i32 [n], trusted) of a table kept in pages [rowsPerPage, D]; the last may be shorter: [n, D]. */
export function gatherRows(
  context: OperationContext,
  pages: readonly Tensor[],
  rowsPerPage: number,
  ids: Tensor,
): Tensor {
  const [first] = pages;
  if (first === undefined) throw new InvalidArgumentError({ what: 'gatherRows needs at least one page.' });
  const width = first.shape[1] as number;
  for (const page of pages) {
    expectWeight(context, page, 'gatherRows: a page');
    expectShape(page.shape, [null, width], 'gatherRows: a page');
    if (page.dtype !== first.dtype) {
      throw new DTypeError({ what: 'gatherRows: pages differ in dtype.', got: page.dtype, expected: first.dtype });
    }
    if (page.blocks?.blockLength !== first.blocks?.blockLength) {
      throw new InvalidArgumentError({
        what: 'gatherRows: pages differ in the length of their blocks.',
        got: String(page.blocks?.blockLength),
        expected: String(first.blocks?.blockLength),
      });
    }
  }
  if (!Number.isInteger(rowsPerPage) || rowsPerPage < 1) {
    throw new InvalidArgumentError({
      what: 'gatherRows: rowsPerPage is a positive integer.',
      got: String(rowsPerPage),
    });
  }
  expectHere(context, ids, 'gatherRows: the ids');
  if (ids.dtype !== 'i32') {
    throw new DTypeError({ what: 'gatherRows: the ids must be i32.', got: ids.dtype, expected: 'i32' });
  }
  return produce(context, [ids.size, width], (out) =>
    context.backend.primitives.gatherRows({
      pages,
      rowsPerPage,
      ids,
      stride: 1,
      offset: 0,
      width,
      accumulate: false,
      out,
    }),
  );
}

/**
 * A table of zeros [rows, D] with `source` [n, D] added at rows `ids`; −1 adds nowhere. Contributions of a row are added in
 * the order of their positions: the same on every run.
 */
export function scatterAddRows(context: OperationContext, ids: IndexTensor, source: Tensor, rows: number): Tensor {
  checkIds(ids.values, rows, 'scatterAddRows');
  expectFloat(context, source, 'scatterAddRows: the source', [ids.length, null]);
  const width = source.shape[1] as number;
  return context.scope(() => {
    const out = produce(context, [rows, width], (zeros) => context.backend.primitives.fill({ out: zeros, value: 0 }));
    scatterInto(context, out, ids, source);
    return out;
  });
}

/** Adds `source` [n, D] to rows `ids` of a table [rows, D] in place, as scatterAddRows does to zeros. */
export function addRows(context: OperationContext, table: Tensor, ids: IndexTensor, source: Tensor): void {
  expectFloat(context, source, 'addRows: the source', [ids.length, null]);
  expectFloat(context, table, 'addRows: the table', [null, source.shape[1] as number]);
  checkIds(ids.values, table.shape[0] as number, 'addRows');
  context.scope(() => scatterInto(context, table, ids, source));
}

/** In the innermost scope, which disposes of what is uploaded. */
function scatterInto(context: OperationContext, out: Tensor, ids: IndexTensor, source: Tensor): void {
  const groups = groupByRow(ids.values);
  if (out.size === 0 || groups.rows.length === 0) return;
  const upload = (values: Int32Array) => context.own(Tensor.from(context.backend, values, [values.length], 'scratch'));
  context.backend.primitives.scatterAddRows({
    source,
    rows: upload(groups.rows),
    starts: upload(groups.starts),
    order: upload(groups.order),
    count: groups.rows.length,
    width: source.shape[1] as number,
    out,
  });
}

/** Positions sorted by id, then position, with the start of each id's run; negative ids are left out. */
function groupByRow(ids: Int32Array): { rows: Int32Array; starts: Int32Array; order: Int32Array } {
  // One number per position that sorts by id first: typed arrays sort numbers natively.
  const keys = new Float64Array(ids.length);
  let kept = 0;
  ids.forEach((id, position) => {
    if (id >= 0) keys[kept++] = id * ids.length + position;
  });
  const order = Int32Array.from(keys.subarray(0, kept).sort(), (key) => key % ids.length);
  const rows: number[] = [];
  const starts: number[] = [];
  order.forEach((position, place) => {
    const id = ids[position] as number;
    if (rows.at(-1) === id) return;
    rows.push(id);
    starts.push(place);
  });
  starts.push(kept);
  return { rows: Int32Array.from(rows), starts: Int32Array.from(starts), order };
}

function checkIds(ids: Int32Array, rows: number, where: string): void {
  const wrong = ids.findIndex((id) => id >= rows || id < -1);
  if (wrong !== -1) {
    throw new InvalidArgumentError({
      what: `${where}: the id at place ${wrong} names no row.`,
      got: String(ids[wrong]),
      expected: `−1 … ${rows - 1}`,
    });
  }
}
