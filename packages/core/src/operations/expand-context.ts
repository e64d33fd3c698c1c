/**
 * A part of a context view as dense keys and values, by the formula of context-view.ts. The composed attention is
 * built on it; a fused attention must agree with it.
 */

import type { ContextView, PagedRows } from '../backend/context-view.ts';
import type { TensorView } from '../backend/tensor-view.ts';
import { Tensor } from '../tensor/tensor.ts';
import { binary } from './elementwise.ts';
import { IndexTensor } from './index-tensor.ts';
import type { OperationContext } from './operation-context.ts';
import { rope } from './rope.ts';

/** Keys (rotated) and values, f32 [n, G, C]. */
export interface DenseContext {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Entries [from, to) of a view. */
export function expandContext(context: OperationContext, view: ContextView, from: number, to: number): DenseContext {
  const [keys, values] = context.scope(() => {
    const expanded = (part: 'keys' | 'values') => expandRows(context, view, from, to, part);
    const plainKeys = expanded('keys');
    if (view.rope === null) return [plainKeys, expanded('values')] as const;
    const first = view.firstPosition + from;
    using positions = new IndexTensor(
      context.backend,
      Int32Array.from({ length: to - from }, (_, entry) => first + entry),
      'scratch',
    );
    return [rope(context, plainKeys, positions, view.rope), expanded('values')] as const;
  });
  return { keys, values };
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
  const sum = context.allocate([count, width]);
  context.backend.primitives.fill({ out: sum, value: 0 });
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
  return context.own(scaled.reshape([count, view.kvHeads, view.headDim]));
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
