/**
 * What the files of this folder share: the backend, which fused operations may be used, and who owns results.
 * One operation per file: it checks its arguments, allocates its result, and runs the backend's fused version or the
 * composed one written beside it from required primitives.
 */

import type { Backend } from '../backend/backend.ts';
import type { FusedOperations } from '../backend/fused.ts';
import { DTypeError, InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { expectShape, formatShape, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ScopeResult } from './operations.ts';

export interface OperationContext {
  readonly backend: Backend;
  /** The fused operations in use. */
  readonly fused: Partial<FusedOperations>;
  /** A tensor with undefined contents, owned by the innermost scope. Default dtype f32. */
  allocate(shape: Shape, dtype?: DType): Tensor;
  /** Gives a tensor made elsewhere to the innermost scope. */
  own(tensor: Tensor): Tensor;
  /** Runs `body` and disposes of what was made inside, except its result. */
  scope<T extends ScopeResult<Tensor>>(body: () => T): T;
  scope(body: () => void): void;
}

/**
 * A new tensor that `compute` fills; given back when that throws. `compute` is not called for a tensor without
 * elements: backends never see empty ones.
 */
export function produce(
  context: OperationContext,
  shape: Shape,
  compute: (out: Tensor) => void,
  dtype: DType = 'f32',
): Tensor {
  const out = context.allocate(shape, dtype);
  try {
    if (out.size > 0) compute(out);
    return out;
  } catch (error) {
    out.dispose();
    throw error;
  }
}

/** Throws unless the tensor is alive and of the context's backend. */
export function expectHere({ backend }: OperationContext, tensor: Tensor, where: string): void {
  if (tensor.backend === backend) return;
  throw new InvalidArgumentError({
    what: `${where} is a tensor of another backend.`,
    got: tensor.backend.name,
    expected: `a tensor of the ${backend.name} backend these operations work on`,
    fix: 'read it there and upload it here',
  });
}

/** Throws unless the tensor is f32, of this backend and, when given, of the expected shape (`null`: any length). */
export function expectFloat(
  context: OperationContext,
  tensor: Tensor,
  where: string,
  shape?: readonly (number | null)[],
): void {
  expectHere(context, tensor, where);
  if (tensor.dtype !== 'f32') {
    throw new DTypeError({
      what: `${where} must be f32.`,
      got: tensor.dtype,
      expected: 'f32',
      fix: 'cast it first',
    });
  }
  if (shape !== undefined) expectShape(tensor.shape, shape, where);
}

/** Throws unless the tensor may hold weights on this backend. */
export function expectWeight(context: OperationContext, tensor: Tensor, where: string): void {
  expectHere(context, tensor, where);
  if (!context.backend.capabilities.weightDTypes.includes(tensor.dtype)) {
    throw new DTypeError({
      what: `${where} is of a dtype that the ${context.backend.name} backend does not take there.`,
      got: tensor.dtype,
      expected: context.backend.capabilities.weightDTypes.join(' or '),
    });
  }
}

/** Rows and width of a tensor seen as [rows, width]: all axes but the last, and the last. */
export function asRows(tensor: Tensor, where: string): { readonly rows: number; readonly width: number } {
  const width = tensor.shape.at(-1);
  if (width === undefined) {
    throw new ShapeError({ what: `${where} needs at least one axis.`, got: formatShape(tensor.shape) });
  }
  return { rows: width === 0 ? 0 : tensor.size / width, width };
}
