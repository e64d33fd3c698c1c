/**
 * A ContextView as the kernels read it: a record of 32-bit fields, and tables of page addresses behind it.
 * The order of fields is that of assembly/context-block.ts.
 */

import type { ContextView, TensorView } from '@inattention/core';
import { isHalf, type KernelContext } from './kernel-context.ts';

const fields = 17;

/** Writes the addresses of `views` at `table`. */
export function addressTable(context: KernelContext, table: number, views: readonly TensorView[]): void {
  const words = new Uint32Array(context.heap.memory.buffer, table, views.length);
  for (let page = 0; page < views.length; page += 1) words[page] = context.address(views[page] as TensorView);
}

/** How many slots a view's rows have. */
export function slotsOf({ rows, window }: ContextView): number {
  return Math.ceil((rows.pages.length * rows.rowsPerPage) / window);
}

/** Runs `work` with the address of a record describing `view`. */
export function withContextRecord<T>(context: KernelContext, view: ContextView, work: (record: number) => T): T {
  return context.withScratch(recordBytes(view), (record) => {
    writeRecord(context, view, record);
    return work(record);
  });
}

/** The same for several views, with the address of each one's record. */
export function withContextRecords<T>(
  context: KernelContext,
  views: readonly ContextView[],
  work: (records: readonly number[]) => T,
): T {
  const bytes = views.map(recordBytes);
  const total = bytes.reduce((sum, size) => sum + size, 0);
  return context.withScratch(total, (first) => {
    let record = first;
    const records = views.map((view, place) => {
      const own = record;
      writeRecord(context, view, own);
      record += bytes[place] as number;
      return own;
    });
    return work(records);
  });
}

/** Bytes of a record with its tables of addresses. */
function recordBytes({ rows, positionRows, index, scale }: ContextView): number {
  const pages = 2 * rows.pages.length + 2 * (positionRows?.pages.length ?? 0);
  return 4 * (fields + pages + (index?.length ?? 0) + (scale?.length ?? 0));
}

function writeRecord(context: KernelContext, view: ContextView, record: number): void {
  let next = record + fields * 4;
  const table = (list: readonly TensorView[] | null | undefined): number => {
    if (list === null || list === undefined) return 0;
    const own = next;
    addressTable(context, own, list);
    next += list.length * 4;
    return own;
  };
  const { rows, positionRows, rope } = view;
  const [firstPage] = rows.pages;
  new Uint32Array(context.heap.memory.buffer, record, fields).set([
    table(rows.pages.map((page) => page.keys)),
    table(rows.pages.map((page) => page.values)),
    rows.rowsPerPage,
    table(positionRows?.pages.map((page) => page.keys)),
    table(positionRows?.pages.map((page) => page.values)),
    positionRows?.rowsPerPage ?? 0,
    table(view.index),
    table(view.scale),
    view.pageLength,
    view.window,
    view.firstPosition,
    view.kvHeads,
    view.headDim,
    firstPage === undefined ? 0 : isHalf(firstPage.keys),
    context.optional(rope?.fine ?? null),
    context.optional(rope?.coarse ?? null),
    rope?.fineLength ?? 0,
  ]);
}
