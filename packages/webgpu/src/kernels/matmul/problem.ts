/**
 * One product as the kernels see it: which axis of an operand is contiguous, and steps along the others, in elements.
 * Here a call is brought to that form, and to the shape that is cheapest: a batch that shares `b` becomes more rows, a
 * single column becomes a single row. Nothing runs here.
 */

import type { MatmulArguments, TensorView } from '@inattention/core';

/** Elements of a matrix, or of a batch of them, within a view. */
export interface Operand {
  readonly view: TensorView;
  /** First element within the view. */
  readonly start: number;
  /** Whether elements along `inner` are contiguous; otherwise those along rows (of a) or columns (of b) are. */
  readonly alongInner: boolean;
  /** From one row (column) to the next when `alongInner`, else from one inner index to the next. */
  readonly step: number;
  /** From one matrix of the batch to the next. */
  readonly batchStep: number;
}

export interface Problem {
  /** Of `rows`. */
  readonly a: Operand;
  /** Of `columns`. */
  readonly b: Operand;
  /** `step` is from row to row. */
  readonly out: Omit<Operand, 'alongInner'>;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly scale: number;
  readonly accumulate: boolean;
}

export function problemOf(args: MatmulArguments): Problem {
  const { batch, rows, columns, inner, transposeA, transposeB, scale, accumulate } = args;
  // A single row is contiguous either way; so is a single column.
  const a = operand(args.a, !transposeA || rows === 1, transposeA && rows > 1 ? rows : inner, args.strideA);
  const alongInner = transposeB || (columns === 1 && args.b.dtype === 'f32');
  const b = operand(args.b, alongInner, alongInner ? inner : columns, args.strideB);
  const out = { view: args.out, start: 0, step: columns, batchStep: rows * columns };
  const problem = { a, b, out, batch, rows, columns, inner, scale, accumulate };
  return folded(columns === 1 && rows > 1 && args.b.dtype === 'f32' ? exchanged(problem) : problem);
}

function operand(view: TensorView, alongInner: boolean, step: number, batchStep: number): Operand {
  return { view, start: 0, alongInner, step, batchStep };
}

/** (a b)ᵀ = bᵀ aᵀ: a result [rows, 1] is a result [1, rows]. */
function exchanged(problem: Problem): Problem {
  const { a, b, out, rows, columns } = problem;
  return { ...problem, a: b, b: a, rows: columns, columns: rows, out: { ...out, step: rows } };
}

/** A batch with one `b`, whose rows of `a` follow each other, is one product of more rows. */
function folded(problem: Problem): Problem {
  const { a, b, batch, rows, columns, inner } = problem;
  if (batch === 1 || b.batchStep !== 0 || !a.alongInner || a.batchStep !== rows * inner) return problem;
  return { ...problem, batch: 1, rows: batch * rows, out: { ...problem.out, batchStep: batch * rows * columns } };
}

/** Floating-point operations. */
export function flopsOf({ batch, rows, columns, inner }: Problem): number {
  return 2 * batch * rows * columns * inner;
}
