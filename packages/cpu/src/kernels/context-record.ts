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

/** Runs `work` with the address of a record describing `view`. */
export function withContextRecord<T>(context: KernelContext, view: ContextView, work: (record: number) => T): T {
  const lists = [
    view.rows.pages.map((page) => page.keys),
    view.rows.pages.map((page) => page.values),
    view.positionRows?.pages.map((page) => page.keys) ?? null,
    view.positionRows?.pages.map((page) => page.values) ?? null,
    view.index,
    view.scale,
  ];
  const words = fields + lists.reduce((total, list) => total + (list?.length ?? 0), 0);
  return context.withScratch(words * 4, (record) => {
    let next = record + fields * 4;
    const tables = lists.map((list) => {
      if (list === null) return 0;
      const table = next;
      addressTable(context, table, list);
      next += list.length * 4;
      return table;
    });
    const [keys = 0, values = 0, positionKeys = 0, positionValues = 0, index = 0, scale = 0] = tables;
    const [firstPage] = view.rows.pages;
    new Uint32Array(context.heap.memory.buffer, record, fields).set([
      keys,
      values,
      view.rows.rowsPerPage,
      positionKeys,
      positionValues,
      view.positionRows?.rowsPerPage ?? 0,
      index,
      scale,
      view.pageLength,
      view.window,
      view.firstPosition,
      view.kvHeads,
      view.headDim,
      firstPage === undefined ? 0 : isHalf(firstPage.keys),
      context.optional(view.rope?.fine ?? null),
      context.optional(view.rope?.coarse ?? null),
      view.rope?.fineLength ?? 0,
    ]);
    return work(record);
  });
}
