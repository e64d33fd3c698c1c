/**
 * Views that are larger than a binding, or than one dispatch should work on, cut into pieces: the same elements of each.
 */

import { bytesPerElement, sizeOf, type TensorView } from '@inattention/core';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { bindingAlignment } from '../memory/slabs.ts';

/** Bytes that an elementwise kernel reads and writes per element: two operands and a result. */
const elementBytes = 12;

/** Elements of one piece at most: a dispatch stays short. */
const mostElements = ({ traits }: KernelRunner): number => Math.floor(traits.dispatch.bytes / elementBytes);

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
  const step = elementsPerPiece(runner, widest, unit);
  if (total <= step) return [{ start: 0, views }];
  const pieces: Piece<B>[] = [];
  for (let start = 0; start < total; start += step) {
    const count = Math.min(step, total - start);
    const cut = entries.map(([name, view]) => [name, sliceOf(view, start, count)]);
    pieces.push({ start, views: Object.fromEntries(cut) as Record<B, TensorView> });
  }
  return pieces;
}

/** Elements, a multiple of `unit`, that fit a binding wherever they begin, and one dispatch. */
export function elementsPerPiece(runner: KernelRunner, bytesPerElement: number, unit = 64): number {
  const bound = Math.min(mostElements(runner), (runner.traits.maxBindingBytes - bindingAlignment) / bytesPerElement);
  return Math.max(unit, Math.floor(bound / unit) * unit);
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

/** Rows [first, first + count). */
export interface RowRun {
  readonly first: number;
  readonly count: number;
}

/**
 * Cuts `rows` rows into runs that fit a binding where a row is `width` words, and that one dispatch should work on:
 * at most `most` words. Runs begin at multiples of 4 rows where 4 rows fit, which keeps the alignment of vectors.
 */
export function rowRuns(runner: KernelRunner, rows: number, width: number, most = mostElements(runner)): RowRun[] {
  const words = Math.min(most, (runner.traits.maxBindingBytes - bindingAlignment) / 4);
  const fitting = Math.max(1, Math.floor(words / Math.max(1, width)));
  if (rows <= fitting) return rows === 0 ? [] : [{ first: 0, count: rows }];
  const step = fitting < 4 ? fitting : Math.floor(fitting / 4) * 4;
  const runs: RowRun[] = [];
  for (let first = 0; first < rows; first += step) runs.push({ first, count: Math.min(step, rows - first) });
  return runs;
}

/** Columns of rows of a view [rows, width], contiguous: either all columns, or some of one row. */
export function blockOf(view: TensorView, first: number, count: number, columns: RowRun): TensorView {
  const [, width = 0] = view.shape;
  return { ...sliceOf(view, first * width + columns.first, count * columns.count), shape: [count, columns.count] };
}
