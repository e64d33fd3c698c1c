/** Cross-entropy of logit rows, and its gradient, a block of rows at a time: scratch is bounded whatever the rows. */

import type { CrossEntropyArguments, CrossEntropyBackwardArguments, TensorView } from '@inattention/core';
import type { Handle } from '../execution/handle.ts';
import { viewPart } from '../memory/view-part.ts';
import type { KernelContext } from './kernel-context.ts';

/** Logits worked on at a time (16 MiB), or one row. */
const blockElements = 2 ** 22;

export function crossEntropy(context: KernelContext, args: CrossEntropyArguments): void {
  const { logits, targets, nll, logSumExp } = args;
  const { operations } = context;
  eachBlock(logits, (first, count) => {
    context.runtime.scope(() => {
      const rows = context.words(rowsOf(logits, first, count), [count, logits.shape[1] as number]);
      const max = operations.reduce('Max', rows, 1); // [n, 1]
      const exponentials = operations.unary('Exp', operations.binary('Sub', rows, max));
      const sum = operations.reduce('Sum', exponentials, 1);
      const total = operations.binary('AddV2', max, operations.unary('Log', sum)); // [n, 1]
      const chosen = pick(context, rows, context.integers(targets).subarray(first, first + count));
      context.store(rowsOf(logSumExp, first, count), total);
      context.store(rowsOf(nll, first, count), operations.binary('Sub', total, chosen));
    });
  });
}

/** ∂logits = (softmax − one-hot) ∂nll. */
export function crossEntropyBackward(context: KernelContext, args: CrossEntropyBackwardArguments): void {
  const { logits, targets, logSumExp, gradNll, gradLogits } = args;
  const { operations } = context;
  const width = logits.shape[1] as number;
  eachBlock(logits, (first, count) => {
    context.runtime.scope(() => {
      const rows = context.words(rowsOf(logits, first, count), [count, width]);
      const total = context.words(rowsOf(logSumExp, first, count), [count, 1]);
      const weight = context.words(rowsOf(gradNll, first, count), [count, 1]);
      const softmax = operations.unary('Exp', operations.binary('Sub', rows, total));
      const gradient = operations.binary('Mul', softmax, weight); // [n, V]
      const chosen = places(context.integers(targets).subarray(first, first + count), width);
      const each = operations.reshape(gradient, [count * width, 1]);
      operations.inPlace('InplaceSub', each, context.index(chosen), weight);
      context.store(rowsOf(gradLogits, first, count), gradient);
    });
  });
}

/** The element `targets[r]` of each row, [n, 1]. */
function pick(context: KernelContext, rows: Handle, targets: Int32Array): Handle {
  const [count, width] = rows.shape as readonly [number, number];
  return context.operations.gather(
    context.operations.reshape(rows, [count * width, 1]),
    context.index(places(targets, width)),
  );
}

function places(targets: Int32Array, width: number): Int32Array {
  return targets.map((target, row) => row * width + target);
}

function eachBlock(logits: TensorView, visit: (first: number, count: number) => void): void {
  const [rows, width] = logits.shape as readonly [number, number];
  const step = Math.max(1, Math.floor(blockElements / width));
  for (let first = 0; first < rows; first += step) visit(first, Math.min(step, rows - first));
}

/** Rows [first, first + count) of a view. */
function rowsOf(view: TensorView, first: number, count: number): TensorView {
  const inner = view.shape.slice(1).reduce((size, dimension) => size * dimension, 1);
  return viewPart(view, first * inner, [count, ...view.shape.slice(1)]);
}
