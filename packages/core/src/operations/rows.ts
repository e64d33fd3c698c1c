/** Gathering rows of a table by id, and adding rows back to it. */

import { DTypeError, InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { expectShape, formatShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { IndexTensor } from './index-tensor.ts';
import { expectFloat, expectHere, expectWeight, type OperationContext, produce } from './operation-context.ts';
import { RowGroups } from './row-groups.ts';

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
  scatterInto(context, table, ids, source);
}

/** As addRows, with ids that were sorted before. */
export function addGroupedRows(context: OperationContext, table: Tensor, groups: RowGroups, source: Tensor): void {
  expectFloat(context, source, 'addGroupedRows: the source', [groups.sourceRows, null]);
  expectFloat(context, table, 'addGroupedRows: the table', [null, source.shape[1] as number]);
  expectHere(context, groups.rows, 'addGroupedRows: the groups');
  const [rows = 0] = table.shape;
  if (groups.tableRows > rows) {
    throw new ShapeError({
      what: 'addGroupedRows: the groups name a row that the table does not have.',
      got: `row ${groups.tableRows - 1}`,
      expected: `−1 … ${rows - 1}`,
    });
  }
  addGroups(context, table, groups, source);
}

function scatterInto(context: OperationContext, out: Tensor, ids: IndexTensor, source: Tensor): void {
  if (ids.values.every((id) => id < 0)) return;
  using groups = new RowGroups(context.backend, [ids.values], 'scratch');
  addGroups(context, out, groups, source);
}

function addGroups(context: OperationContext, out: Tensor, groups: RowGroups, source: Tensor): void {
  if (out.size === 0 || groups.count === 0) return;
  const { rows, starts, order, count } = groups;
  const width = source.shape[1] as number;
  context.backend.primitives.scatterAddRows({ source, rows, starts, order, count, width, out });
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
