/**
 * A part of a context view as dense keys and values, by the formula of context-view.ts. The composed attention is
 * built on it; a fused attention must agree with it.
 */

import type { ContextView, PagedRows } from '../backend/context-view.ts';
import type { TensorView } from '../backend/tensor-view.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkRange, checkView } from './check-attention.ts';
import { binary } from './elementwise.ts';
import { IndexTensor } from './index-tensor.ts';
import { type OperationContext, produce } from './operation-context.ts';
import { rope } from './rope.ts';

/** Keys (rotated) and values, f32 [n, G, C]. */
export type DenseContext = {
  readonly keys: Tensor;
  readonly values: Tensor;
};

/** Entries [from, to) of a view, checked. */
export function expandContext(context: OperationContext, view: ContextView, from: number, to: number): DenseContext {
  checkView(context, 'expandContext', view);
  checkRange('expandContext', from, to, view.length);
  return expandEntries(context, view, from, to);
}

/** As expandContext, of a view that has been checked. */
export function expandEntries(context: OperationContext, view: ContextView, from: number, to: number): DenseContext {
  return context.scope(() => {
    const keys = expandRows(context, view, from, to, 'keys');
    const values = expandRows(context, view, from, to, 'values');
    if (view.rope === null) return { keys, values };
    const first = view.firstPosition + from;
    using positions = new IndexTensor(
      context.backend,
      Int32Array.from({ length: to - from }, (_, entry) => first + entry),
      'scratch',
    );
    return { keys: rope(context, keys, positions, view.rope), values };
  });
}

/** scale_i · (Σ_j rows[slot(i−j) · w + j] + position row), not rotated. */
function expandRows(
  context: OperationContext,
  view: ContextView,
  from: number,
  to: number,
  part: 'keys' | 'values',
): Tensor {
  const count = to - from;
  const width = view.kvHeads * view.headDim;
  const shape = [count, view.kvHeads, view.headDim];
  if (count === 0) return context.allocate(shape);
  const sum = produce(context, [count, width], (out) => context.backend.primitives.fill({ out, value: 0 }));
  const slots = slotsBefore(context, view, from, to); // [w−1 + n]
  for (let offset = 0; offset < view.window; offset += 1) {
    const ids = context.own(slots.slice(view.window - 1 - offset, count));
    addRows(context, view.rows, part, width, ids, view.window, offset, sum);
  }
  if (view.positionRows !== null) {
    const numbers = Int32Array.from({ length: count }, (_, entry) => from + entry);
    const ids = context.own(Tensor.from(context.backend, numbers, [count], 'scratch'));
    addRows(context, view.positionRows, part, width, ids, 1, 0, sum);
  }
  const scaled = view.scale === null ? sum : binary(context, 'multiply', sum, scaleOf(context, view, from, to));
  return context.own(scaled.reshape(shape));
}

function addRows(
  context: OperationContext,
  rows: PagedRows,
  part: 'keys' | 'values',
  width: number,
  ids: Tensor,
  stride: number,
  offset: number,
  out: Tensor,
): void {
  const pages = rows.pages.map((page) => {
    const view = page[part];
    const { buffer, byteOffset, dtype } = view;
    return { buffer, byteOffset, dtype, shape: [view.shape[0] as number, width] };
  });
  context.backend.primitives.gatherRows({
    pages,
    rowsPerPage: rows.rowsPerPage,
    ids,
    stride,
    offset,
    width,
    accumulate: true,
    out,
  });
}

/** Slots of entries [from − (w−1), to); −1 before the start. */
function slotsBefore(context: OperationContext, view: ContextView, from: number, to: number): Tensor {
  const ahead = view.window - 1;
  const length = ahead + to - from;
  if (view.index === null) {
    const numbers = Int32Array.from({ length }, (_, entry) => Math.max(-1, from - ahead + entry));
    return context.own(Tensor.from(context.backend, numbers, [length], 'scratch'));
  }
  const slots = context.allocate([length], 'i32');
  const known = Math.min(from, ahead);
  using beforeStart = slots.slice(0, ahead - known);
  if (beforeStart.size > 0) context.backend.primitives.fill({ out: beforeStart, value: -1 });
  copyPaged(context, view.index, view.pageLength, from - known, to, slots, ahead - known);
  return slots;
}

/** Scales of entries [from, to), [n, 1]. */
function scaleOf(context: OperationContext, view: ContextView, from: number, to: number): Tensor {
  const out = context.allocate([to - from, 1]);
  copyPaged(context, view.scale ?? [], view.pageLength, from, to, out, 0);
  return out;
}

function copyPaged(
  context: OperationContext,
  pages: readonly TensorView[],
  pageLength: number,
  from: number,
  to: number,
  out: Tensor,
  outOffset: number,
): void {
  for (let start = from; start < to; ) {
    const offset = start % pageLength;
    const length = Math.min(to - start, pageLength - offset);
    context.backend.primitives.copyBlock({
      input: pages[Math.floor(start / pageLength)] as TensorView,
      inputOffset: offset,
      inputStride: 0,
      out,
      outOffset: outOffset + start - from,
      outStride: 0,
      outer: 1,
      length,
    });
    start += length;
  }
}
