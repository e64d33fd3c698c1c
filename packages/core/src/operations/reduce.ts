/** Sums and maxima over one axis. */

import { InvalidArgumentError } from '../errors/errors.ts';
import { formatShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectFloat, type OperationContext } from './operation-context.ts';

/** Reduces `axis`, which disappears from the shape. `max` of an empty axis is refused. */
export function reduce(context: OperationContext, kind: 'sum' | 'max', input: Tensor, axis: number): Tensor {
  expectFloat(input, kind);
  const length = input.shape[axis];
  if (length === undefined || (kind === 'max' && length === 0)) {
    throw new InvalidArgumentError({
      what: `${kind} cannot reduce that axis.`,
      got: `axis ${axis} of ${formatShape(input.shape)}`,
    });
  }
  const before = input.shape.slice(0, axis);
  const after = input.shape.slice(axis + 1);
  const out = context.allocate([...before, ...after]);
  if (out.size > 0) {
    context.backend.primitives[kind]({ input, outer: sizeOf(before), axis: length, inner: sizeOf(after), out });
  }
  return out;
}
