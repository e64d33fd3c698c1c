/**
 * A product cut into parts that one dispatch each can do: operands and result within a binding, work within a time bound.
 * A part that is too much is halved, along the axis that helps; parts of the inner axis add up in `out`, one after the
 * other, so the result depends on nothing but shapes and limits.
 */

import { bytesPerElement, sizeOf, type TensorView } from '@inattention/core';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { sliceOf } from '../pieces.ts';
import { flopsOf, type Operand, type Problem } from './problem.ts';

/** Along z, and x or y: workgroups may be 65,535 each way, and cover four rows or columns at least. */
const mostBatch = 65535;
const mostAcross = 65535 * 4;

type Axis = 'batch' | 'rows' | 'columns' | 'inner';

/** A part, its operands' views cut to what it reads: `start` is then 0, or 1 within a word of f16. */
export interface Part extends Problem {
  readonly scales: TensorView | null;
  /** Scales from column to column, and from matrix to matrix of the batch. */
  readonly scaleStep: number;
  readonly scaleBatchStep: number;
  readonly blockLength: number;
  /** Where in its block the first inner index lies. */
  readonly blockStart: number;
}

export function partsOf(runner: KernelRunner, problem: Problem): Part[] {
  const axis = axisToCut(runner, problem);
  if (axis === null) return [partOf(problem)];
  return halves(problem, axis).flatMap((half) => partsOf(runner, half));
}

/** The axis along which a problem is to be halved; null when it can be done as it is. */
function axisToCut(runner: KernelRunner, problem: Problem): Axis | null {
  const { a, b, batch, rows, columns, inner } = problem;
  const { flops, bytes } = runner.traits.dispatch;
  const part = partOf(problem);
  const along = (operand: Operand, outer: Axis): Axis[] => (operand.alongInner ? [outer, 'inner'] : ['inner', outer]);
  const cuts: [tooMuch: boolean, axes: Axis[]][] = [
    [batch > mostBatch, ['batch']],
    [rows > mostAcross, ['rows']],
    [columns > mostAcross, ['columns']],
    [!fits(runner, part.a.view), ['batch', ...along(a, 'rows')]],
    [!fits(runner, part.b.view), ['batch', ...along(b, 'columns')]],
    [part.scales !== null && !fits(runner, part.scales), ['batch', 'columns', 'inner']],
    [!fits(runner, part.out.view), ['batch', 'rows', 'columns']],
    [flopsOf(problem) > flops, ['batch', rows > columns ? 'rows' : 'columns', 'rows', 'columns', 'inner']],
    [bytesOf(part) > bytes, ['batch', rows > columns ? 'rows' : 'columns', 'inner']],
  ];
  const sizes: Record<Axis, number> = { batch, rows, columns, inner };
  for (const [tooMuch, axes] of cuts) {
    const axis = tooMuch ? axes.find((name) => sizes[name] > (name === 'inner' ? innerUnit(problem) : 1)) : undefined;
    if (axis !== undefined) return axis;
  }
  return null;
}

function fits(runner: KernelRunner, view: TensorView): boolean {
  return runner.fits(view);
}

/** Bytes that a part must read and write at least. */
export function bytesOf({ a, b, scales, out, batch, rows, columns, inner, accumulate }: Part): number {
  const size = ({ view, batchStep }: Pick<Operand, 'view' | 'batchStep'>, count: number) =>
    bytesPerElement[view.dtype] * count * (batchStep === 0 ? 1 : batch);
  const scaleBytes = scales === null ? 0 : 4 * sizeOf(scales.shape);
  return (
    size(a, rows * inner) + size(b, columns * inner) + scaleBytes + size(out, rows * columns) * (accumulate ? 2 : 1)
  );
}

/** Rows of i8 are cut at whole words, so four inner indices of a transposed `a` must fit a binding then. */
function innerUnit({ b }: Problem): number {
  return b.view.dtype === 'i8' ? 4 : 1;
}

function halves(problem: Problem, axis: Axis): [Problem, Problem] {
  const { a, b, out } = problem;
  const size = problem[axis];
  const middle = middleOf(size, axis === 'inner' ? innerUnit(problem) : 1);
  const moved = <O extends Omit<Operand, 'alongInner'>>(operand: O, step: number): O => ({
    ...operand,
    start: operand.start + middle * step,
  });
  const first = { ...problem, [axis]: middle };
  const rest = { ...problem, [axis]: size - middle };
  switch (axis) {
    case 'batch':
      return [first, { ...rest, a: moved(a, a.batchStep), b: moved(b, b.batchStep), out: moved(out, out.batchStep) }];
    case 'rows':
      return [first, { ...rest, a: moved(a, a.alongInner ? a.step : 1), out: moved(out, out.step) }];
    case 'columns':
      return [first, { ...rest, b: moved(b, b.alongInner ? b.step : 1), out: moved(out, 1) }];
    default: {
      const step = (operand: Operand) => (operand.alongInner ? 1 : operand.step);
      return [first, { ...rest, a: moved(a, step(a)), b: moved(b, step(b)), accumulate: true }];
    }
  }
}

/** About half of `size`: at a multiple of 64 (of `unit`, if larger) where there is one, so that vectors and tiles stay whole. */
function middleOf(size: number, unit: number): number {
  for (const step of [64, 16, 4]) {
    const whole = Math.ceil(step / unit) * unit;
    if (size > 2 * whole) return Math.round(size / 2 / whole) * whole;
  }
  return Math.ceil(size / 2 / unit) * unit;
}

/** The problem with its views cut to what is read and written. */
function partOf(problem: Problem): Part {
  const { a, b, out, batch, rows, columns, inner } = problem;
  const cut = <O extends Omit<Operand, 'alongInner'>>(operand: O, outer: number, length: number): O => {
    const unit = operand.view.dtype === 'f16' ? 2 : 1;
    const first = Math.floor(operand.start / unit) * unit;
    const end = operand.start + (batch - 1) * operand.batchStep + (outer - 1) * operand.step + length;
    return { ...operand, view: sliceOf(operand.view, first, end - first), start: operand.start - first };
  };
  const scaling = scalesOf(problem);
  return {
    ...problem,
    ...scaling,
    a: a.alongInner ? cut(a, rows, inner) : cut(a, inner, rows),
    b: b.alongInner ? cut(b, columns, inner) : cut(b, inner, columns),
    out: cut(out, rows, columns),
  };
}

/** Where the scales of `b` lie: [columns, blocks] per matrix, like its elements. */
function scalesOf({
  b,
  batch,
  columns,
  inner,
}: Problem): Pick<Part, 'scales' | 'scaleStep' | 'scaleBatchStep' | 'blockLength' | 'blockStart'> {
  const { blocks } = b.view;
  if (blocks === undefined) return { scales: null, scaleStep: 0, scaleBatchStep: 0, blockLength: 1, blockStart: 0 };
  const { blockLength, scales } = blocks;
  const scaleStep = Math.ceil(b.step / blockLength);
  const scaleBatchStep = (b.batchStep / b.step) * scaleStep;
  const column = Math.floor(b.start / b.step);
  const start = b.start % b.step;
  const blockStart = start % blockLength;
  const first = column * scaleStep + (start - blockStart) / blockLength;
  const blockCount = Math.ceil((blockStart + inner) / blockLength);
  const count = (batch - 1) * scaleBatchStep + (columns - 1) * scaleStep + blockCount;
  return { scales: sliceOf(scales, first, count), scaleStep, scaleBatchStep, blockLength, blockStart };
}
