/**
 * Views that are larger than a binding, or than one dispatch should work on, cut into pieces: the same elements of each.
 */

import { bytesPerElement, sizeOf, type TensorView } from '@inattention/core';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { bindingAlignment } from '../memory/slabs.ts';

/** Elements of one piece at most: a dispatch of an elementwise kernel stays short on slow devices. */
const mostElements = 1 << 24;

export interface Piece<B extends string> {
  /** First element. */
  readonly start: number;
  readonly views: Readonly<Record<B, TensorView>>;
}

/**
 * Cuts views of the same number of elements into pieces [n] that each fit a binding. `unit`: pieces begin at multiples
 * of it (a row); by default of 64 elements, which keeps the alignment of vectors.
 */
export function piecesOf<B extends string>(
  runner: KernelRunner,
  views: Readonly<Record<B, TensorView>>,
  unit = 64,
): Piece<B>[] {
  const entries = Object.entries(views) as [B, TensorView][];
  const total = sizeOf(entries[0]?.[1].shape ?? []);
  const widest = Math.max(...entries.map(([, { dtype }]) => bytesPerElement[dtype]));
  const bound = Math.min(mostElements, (runner.traits.maxBindingBytes - bindingAlignment) / widest);
  const step = Math.max(unit, Math.floor(bound / unit) * unit);
  if (total <= step) return [{ start: 0, views }];
  const pieces: Piece<B>[] = [];
  for (let start = 0; start < total; start += step) {
    const count = Math.min(step, total - start);
    const cut = entries.map(([name, view]) => [name, sliceOf(view, start, count)]);
    pieces.push({ start, views: Object.fromEntries(cut) as Record<B, TensorView> });
  }
  return pieces;
}

/** Elements [start, start + count) of a view, as [count]. For f16 and i8, `start` is at a whole word. */
export function sliceOf(view: TensorView, start: number, count: number): TensorView {
  const { buffer, byteOffset, dtype } = view;
  return { buffer, dtype, byteOffset: byteOffset + start * bytesPerElement[dtype], shape: [count] };
}

/** Rows [start, start + count) of a view [rows, ...]. */
export function rowsOf(view: TensorView, start: number, count: number): TensorView {
  const [, ...rest] = view.shape;
  return { ...sliceOf(view, start * sizeOf(rest), count * sizeOf(rest)), shape: [count, ...rest] };
}
