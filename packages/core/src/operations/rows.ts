/** Gathering rows of a table by id, and adding rows back to it. */

import { InvalidArgumentError } from '../errors/errors.ts';
import { expectShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { IndexTensor } from './index-tensor.ts';
import { expectFloat, expectWeight, type OperationContext } from './operation-context.ts';

/** Rows `ids` of a table [R, D] (or [R, ...]) as [n, ...]; zeros for −1. Ids are checked against the host copy. */
export function embed(context: OperationContext, table: Tensor, ids: IndexTensor): Tensor {
  expectWeight(context, table, 'embed: the table');
  const [rows = 0, ...rest] = table.shape;
  checkIds(ids.values, rows, 'embed');
  using flat = table.reshape([rows, rowSize(rest)]);
  const gathered = gatherRows(context, [flat], Math.max(1, rows), ids.tensor);
  return rest.length === 1 ? gathered : context.own(gathered.reshape([ids.length, ...rest]));
}

/** Rows `ids` (i32 [n], trusted) of a table kept in pages [rowsPerPage, D]. */
export function gatherRows(
  context: OperationContext,
  pages: readonly Tensor[],
  rowsPerPage: number,
  ids: Tensor,
  options: { readonly stride?: number; readonly offset?: number; readonly addTo?: Tensor } = {},
): Tensor {
  const [first] = pages;
  if (first === undefined) throw new InvalidArgumentError({ what: 'gatherRows needs at least one page.' });
  expectShape(first.shape, [null, null], 'gatherRows: a page');
  const width = first.shape[1] as number;
  const out = options.addTo ?? context.allocate([ids.size, width]);
  expectFloat(out, 'gatherRows: the result', [ids.size, width]);
  if (out.size > 0) {
    context.backend.primitives.gatherRows({
      pages,
      rowsPerPage,
      ids,
      stride: options.stride ?? 1,
      offset: options.offset ?? 0,
      width,
      accumulate: options.addTo !== undefined,
      out,
    });
  }
  return out;
}

/**
 * A table of zeros [rows, D] with `source` [n, D] added at rows `ids`; −1 adds nowhere. Contributions of a row are added in
 * the order of their positions: the same on every run.
 */
export function scatterAddRows(context: OperationContext, ids: IndexTensor, source: Tensor, rows: number): Tensor {
  checkIds(ids.values, rows, 'scatterAddRows');
  expectFloat(source, 'scatterAddRows: the source', [ids.length, null]);
  const width = source.shape[1] as number;
  const out = context.allocate([rows, width]);
  if (out.size === 0) return out;
  context.backend.primitives.fill({ out, value: 0 });
  const groups = groupByRow(ids.values);
  if (groups.rows.length === 0) return out;
  const upload = (values: Int32Array) => Tensor.from(context.backend, values, [values.length], 'scratch');
  using targets = upload(groups.rows);
  using starts = upload(groups.starts);
  using order = upload(groups.order);
  context.backend.primitives.scatterAddRows({
    source,
    rows: targets,
    starts,
    order,
    count: groups.rows.length,
    width,
    out,
  });
  return out;
}

/** Positions sorted by id (stable), with the start of each id's run; negative ids are left out. */
function groupByRow(ids: Int32Array): { rows: Int32Array; starts: Int32Array; order: Int32Array } {
  const positions = Array.from(ids.keys()).filter((position) => (ids[position] as number) >= 0);
  positions.sort((a, b) => (ids[a] as number) - (ids[b] as number) || a - b);
  const rows: number[] = [];
  const starts: number[] = [];
  positions.forEach((position, place) => {
    const id = ids[position] as number;
    if (rows.at(-1) === id) return;
    rows.push(id);
    starts.push(place);
  });
  starts.push(positions.length);
  return { rows: Int32Array.from(rows), starts: Int32Array.from(starts), order: Int32Array.from(positions) };
}

function checkIds(ids: Int32Array, rows: number, where: string): void {
  const wrong = ids.findIndex((id) => id >= rows || id < -1);
  if (wrong !== -1) {
    throw new InvalidArgumentError({
      what: `${where}: id ${wrong} names no row.`,
      got: String(ids[wrong]),
      expected: `−1 … ${rows - 1}`,
    });
  }
}

function rowSize(rest: readonly number[]): number {
  return rest.reduce((size, dimension) => size * dimension, 1);
}
