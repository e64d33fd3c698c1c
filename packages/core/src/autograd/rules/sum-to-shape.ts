/** The adjoint of repetition: a gradient summed over the axes along which an operand repeated. */

import type { EagerOperations } from '../../operations/eager-operations.ts';
import { type Shape, sameShape, sizeOf } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** `gradient` summed to `shape`: a suffix of its own, its own with trailing axes of length 1, a scalar; or itself. */
export function sumToShape(operations: EagerOperations, gradient: Tensor, shape: Shape): Tensor {
  if (sameShape(gradient.shape, shape)) return gradient;
  const size = sizeOf(shape);
  if (size === 0) return operations.zeros(shape);
  if (size === 1) {
    const flat = operations.reshape(gradient, [gradient.size]);
    return operations.reshape(operations.sum(flat, 0), shape);
  }
  const isSuffix = sameShape(gradient.shape.slice(gradient.shape.length - shape.length), shape);
  const others = gradient.size / size;
  const folded = operations.reshape(gradient, isSuffix ? [others, size] : [size, others]);
  return operations.reshape(operations.sum(folded, isSuffix ? 0 : 1), shape);
}
