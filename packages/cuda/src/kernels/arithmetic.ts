/** Elementwise operations, reductions, fill and cast: one operation of TensorFlow each, or two. */

import type { BinaryArguments, Primitives, ReduceArguments, TensorView, UnaryArguments } from '@inattention/core';
import { elementsOf, type Handle } from '../execution/handle.ts';
import type { BinaryName, ReductionName, UnaryName } from '../execution/tensor-operations.ts';
import { integersOf, writableIntegers } from './integer-buffers.ts';
import type { KernelContext } from './kernel-context.ts';

type Arithmetic = Pick<
  Primitives,
  | 'fill'
  | 'cast'
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'affine'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'sigmoid'
  | 'sum'
  | 'max'
>;

export function arithmeticKernels(context: KernelContext): Arithmetic {
  return {
    fill: (args) => fill(context, args),
    cast: (args) => cast(context, args),
    add: binary(context, 'AddV2'),
    subtract: binary(context, 'Sub'),
    multiply: binary(context, 'Mul'),
    divide: binary(context, 'RealDiv'),
    affine({ input, scale, offset, out }) {
      const { operations, runtime } = context;
      const scaled = operations.scale(context.words(input), scale);
      const moved = offset !== 0 || scale === 1;
      context.store(out, moved ? operations.binary('AddV2', scaled, runtime.scalar(offset)) : scaled);
    },
    exp: unary(context, 'Exp'),
    log: unary(context, 'Log'),
    sqrt: unary(context, 'Sqrt'),
    sigmoid: unary(context, 'Sigmoid'),
    sum: reduction(context, 'Sum'),
    max: reduction(context, 'Max'),
  };
}

function fill(context: KernelContext, { out, value }: { readonly out: TensorView; readonly value: number }): void {
  if (out.dtype === 'f32') context.store(out, context.operations.fill([elementsOf(out.shape)], value));
  else writableIntegers(context, out).fill(value);
}

function cast(context: KernelContext, { input, out }: UnaryArguments): void {
  const { operations } = context;
  if (input.dtype === 'i32' || input.dtype === 'u32') {
    const values = integersOf(context, input);
    if (out.dtype === input.dtype) writableIntegers(context, out).set(values);
    else context.store(out, context.runtime.upload(Float32Array.from(values), [values.length]));
  } else if (input.dtype === out.dtype) context.store(out, operations.copy(context.words(input)));
  else if (out.dtype === 'f16') context.storeHalves(out, context.words(input));
  else context.store(out, context.numbers(input));
}

/** b in the shape in which TensorFlow's broadcasting repeats it as the contract has it. */
function binary(context: KernelContext, name: BinaryName) {
  return ({ a, b, broadcast: { length, stride }, out }: BinaryArguments): void => {
    const size = elementsOf(out.shape);
    let operands: readonly [Handle, Handle];
    if (length === size) {
      const left = context.words(a);
      operands = [left, context.words(b, left.shape)];
    } else if (length === 1) operands = [context.words(a), context.words(b, [])];
    else if (stride === 1) {
      const left = context.words(a);
      const fits = left.shape.at(-1) === length;
      operands = [fits ? left : context.words(a, [size / length, length]), context.words(b, [length])];
    } else {
      operands = [context.words(a, [size / (length * stride), length, stride]), context.words(b, [length, 1])];
    }
    context.store(out, context.operations.binary(name, ...operands));
  };
}

function unary(context: KernelContext, name: UnaryName) {
  return ({ input, out }: UnaryArguments): void => {
    context.store(out, context.operations.unary(name, context.words(input)));
  };
}

function reduction(context: KernelContext, name: ReductionName) {
  return ({ input, outer, axis, inner, out }: ReduceArguments): void => {
    const source = context.words(input, [outer, axis, inner]);
    context.store(out, context.operations.reduce(name, source, 1));
  };
}
