/** attendEach: assembly/decode-each.ts. Contexts it does not serve are attended to one by one. */

import type { AttendEachArguments, ContextView, TensorView } from '@inattention/core';
import { slotsOf, withContextRecords } from './context-record.ts';
import type { KernelContext } from './kernel-context.ts';

/** 32-bit fields of a member's record in decode-each.ts, one of them unused. */
const memberFields = 4;

export function attendEachKernel(context: KernelContext): (args: AttendEachArguments) => void {
  const { kernels } = context;
  const together = (args: AttendEachArguments, members: number): void => {
    const { queries, positions, contexts, slopes, scale, out } = args;
    const [, heads = 0, headDim = 0] = queries.shape;
    const count = contexts.length;
    const words = kernels.attendEachScratchWords(members, count, heads, headDim);
    context.withScratch(words * 4, (scratch) =>
      kernels.attendEach(
        context.address(queries),
        context.address(positions),
        members,
        context.optional(slopes),
        context.address(out),
        count,
        heads,
        headDim,
        scale,
        scratch,
      ),
    );
  };
  return (args) =>
    withContextRecords(context, args.contexts, (records) => {
      if (!records.every((record) => kernels.decodes(record) !== 0)) {
        args.contexts.forEach((view, member) => {
          alone(context, args, view, member, records[member] as number);
        });
        return;
      }
      context.withScratch(records.length * memberFields * 4, (members) => {
        const fields = new Int32Array(context.heap.memory.buffer, members, records.length * memberFields);
        args.contexts.forEach((view, member) => {
          fields.set([records[member] as number, slotsOf(view), view.length, 0], member * memberFields);
        });
        together(args, members);
      });
    });
}

function alone(
  context: KernelContext,
  { queries, positions, slopes, scale, out }: AttendEachArguments,
  view: ContextView,
  member: number,
  record: number,
): void {
  const { kernels } = context;
  const [, heads = 0, headDim = 0] = queries.shape;
  const slots = slotsOf(view);
  const words = kernels.attendScratchWords(
    1,
    heads,
    headDim,
    view.window,
    slots,
    view.length,
    view.rope === null ? 0 : 1,
  );
  const row = (tensor: TensorView, size: number): number => context.address(tensor) + 4 * member * size;
  context.withScratch((words + 2 * heads) * 4, (scratch) =>
    kernels.attend(
      row(queries, heads * headDim),
      row(positions, 1),
      record,
      context.optional(slopes),
      row(out, heads * headDim),
      scratch,
      scratch + 4 * heads,
      1,
      heads,
      0,
      view.length,
      scale,
      0,
      slots,
      scratch + 8 * heads,
    ),
  );
}
