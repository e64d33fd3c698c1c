/** Batched matrix multiplication, and `linear`, its form for weights. */

import type { MatmulArguments } from '../backend/primitives.ts';
import { ShapeError, UnsupportedError } from '../errors/errors.ts';
import { isBlockDType } from '../tensor/dtype.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asRows, expectFloat, expectWeight, type OperationContext, produce } from './operation-context.ts';

export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Factor on the product. Default 1. */
  readonly scale?: number;
}

/**
 * op(a) op(b): [.., M, K] and [.., K, N] to [.., M, N]; equal batch axes, or one operand without any. `b` may be in a
 * storage dtype; one in blocks (i8, q4_1, q8_0) only transposed, for q4_1 and q8_0 `a` not, else UnsupportedError.
 */
export function matmul(context: OperationContext, a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, scale = 1 } = options;
  expectFloat(context, a, 'matmul: the first operand');
  expectWeight(context, b, 'matmul: the second operand');
  const encoded = isBlockDType(b.dtype);
  if ((b.dtype === 'i8' || encoded) && (!transposeB || (transposeA && encoded))) {
    throw new UnsupportedError({
      what: `matmul: ${b.dtype} weights are multiplied transposed only: their blocks run along the inner axis.`,
      got: `${formatShape(a.shape)}${transposeA ? 'ᵀ' : ''} and ${formatShape(b.shape)} of ${b.dtype}`,
      expected: `weights stored [N, K], with transposeB${encoded ? ' and without transposeA' : ''}`,
      fix: 'keep these weights in f32 or f16',
    });
  }
  const [batchA, [rowsA = 0, columnsA = 0]] = splitMatrix(a);
  const [batchB, [rowsB = 0, columnsB = 0]] = splitMatrix(b);
  const rows = transposeA ? columnsA : rowsA;
  const inner = transposeA ? rowsA : columnsA;
  const columns = transposeB ? rowsB : columnsB;
  const batchShape = batchA.length === 0 ? batchB : batchA;
  const batchesFit = batchA.length === 0 || batchB.length === 0 || sameShape(batchA, batchB);
  if (inner !== (transposeB ? columnsB : rowsB) || !batchesFit) {
    throw new ShapeError({
      what: 'matmul: the operands do not fit.',
      got: `${formatShape(a.shape)}${transposeA ? 'ᵀ' : ''} and ${formatShape(b.shape)}${transposeB ? 'ᵀ' : ''}`,
      expected: '[.., M, K] and [.., K, N] with equal batch axes, or one operand without any',
    });
  }
  return multiply(context, [...batchShape, rows, columns], {
    a,
    b,
    batch: sizeOf(batchShape),
    rows,
    columns,
    inner,
    transposeA,
    transposeB,
    strideA: batchA.length === 0 ? 0 : rows * inner,
    strideB: batchB.length === 0 ? 0 : inner * columns,
    scale,
    accumulate: false,
  });
}

/** x Wᵀ: [.., K] and [M, K] to [.., M]. */
export function linear(context: OperationContext, input: Tensor, weight: Tensor): Tensor {
  const args = linearArguments(context, input, weight);
  return multiply(context, [...input.shape.slice(0, -1), args.columns], args);
}

/** out = x Wᵀ, for an f32 `out` of the product's shape that is not part of the operands. */
export function linearInto(context: OperationContext, out: Tensor, input: Tensor, weight: Tensor): void {
  const args = linearArguments(context, input, weight);
  expectFloat(context, out, 'linearInto: the result', [...input.shape.slice(0, -1), args.columns]);
  multiplyInto(context, out, args);
}

function linearArguments(context: OperationContext, input: Tensor, weight: Tensor): Omit<MatmulArguments, 'out'> {
  expectFloat(context, input, 'linear: the input');
  expectWeight(context, weight, 'linear: the weight');
  const { rows, width } = asRows(input, 'linear: the input');
  const [columns = 0, inner] = weight.shape;
  if (weight.shape.length !== 2 || inner !== width) {
    throw new ShapeError({
      what: 'linear: the weight does not fit the input.',
      got: `${formatShape(input.shape)} and ${formatShape(weight.shape)}`,
      expected: `a weight of shape [*, ${width}]`,
    });
  }
  return {
    a: input,
    b: weight,
    batch: 1,
    rows,
    columns,
    inner: width,
    transposeA: false,
    transposeB: true,
    strideA: 0,
    strideB: 0,
    scale: 1,
    accumulate: false,
  };
}

/** A product over nothing (K = 0) is 0. */
function multiply(context: OperationContext, shape: Shape, args: Omit<MatmulArguments, 'out'>): Tensor {
  return produce(context, shape, (out) => multiplyInto(context, out, args));
}

function multiplyInto(context: OperationContext, out: Tensor, args: Omit<MatmulArguments, 'out'>): void {
  const { primitives } = context.backend;
  if (args.inner === 0) primitives.fill({ out, value: 0 });
  else primitives.matmul({ ...args, out });
}

function splitMatrix(tensor: Tensor): [batch: readonly number[], matrix: readonly number[]] {
  if (tensor.shape.length < 2) {
    throw new ShapeError({ what: 'matmul needs matrices.', got: formatShape(tensor.shape) });
  }
  return [tensor.shape.slice(0, -2), tensor.shape.slice(-2)];
}
