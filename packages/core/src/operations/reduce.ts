/** Sums and maxima over one axis. */

import { InvalidArgumentError } from '../errors/errors.ts';
import { formatShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { affine } from './elementwise.ts';
import { expectFloat, type OperationContext, produce } from './operation-context.ts';

/** Reduces `axis`, which disappears from the shape. A sum of nothing is 0; `max` of an empty axis is refused. */
export function reduce(context: OperationContext, kind: 'sum' | 'max', input: Tensor, axis: number): Tensor {
  expectFloat(context, input, kind);
  const length = input.shape[axis];
  if (length === undefined || (kind === 'max' && length === 0)) {
    throw new InvalidArgumentError({
      what: `${kind} cannot reduce that axis.`,
      got: `axis ${axis} of ${formatShape(input.shape)}`,
    });
  }
  const before = input.shape.slice(0, axis);
  const after = input.shape.slice(axis + 1);
  const sizes = { outer: sizeOf(before), axis: length, inner: sizeOf(after) };
  const { primitives } = context.backend;
  return produce(context, [...before, ...after], (out) => {
    if (length === 0) primitives.fill({ out, value: 0 });
    else primitives[kind]({ input, ...sizes, out });
  });
}

/** Mean of all elements, as a scalar []. Refused for a tensor without elements. */
export function mean(context: OperationContext, input: Tensor): Tensor {
  if (input.size === 0) {
    throw new InvalidArgumentError({ what: 'mean needs at least one element.', got: formatShape(input.shape) });
  }
  return context.scope(() => {
    const flat = context.own(input.reshape([input.size]));
    return affine(context, reduce(context, 'sum', flat, 0), 1 / input.size, 0);
  });
}
