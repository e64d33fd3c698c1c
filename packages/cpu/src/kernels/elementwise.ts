/** fill, cast, arithmetic and unary functions: assembly/elementwise.ts. */

import { type BinaryArguments, DTypeError, type Primitives, type UnaryArguments } from '@inattention/core';
import { elements, type KernelContext, viewBytes } from './kernel-context.ts';

type Elementwise = Pick<
  Primitives,
  'fill' | 'cast' | 'add' | 'subtract' | 'multiply' | 'divide' | 'affine' | 'exp' | 'log' | 'sqrt' | 'sigmoid'
>;

export function elementwiseKernels(context: KernelContext): Elementwise {
  const { kernels } = context;
  const binary =
    (name: 'add' | 'subtract' | 'multiply' | 'divide') =>
    ({ a, b, broadcast, out }: BinaryArguments): void => {
      const { length, stride } = broadcast;
      kernels[name](context.address(a), context.address(b), context.address(out), elements(out), length, stride);
    };
  const unary =
    (name: 'exp' | 'log' | 'sqrt' | 'sigmoid') =>
    ({ input, out }: UnaryArguments): void =>
      kernels[name](context.address(input), context.address(out), elements(out));
  return {
    fill({ out, value }) {
      kernels.fill(context.address(out), bitsOf(value, out.dtype), elements(out));
    },
    cast({ input, out }) {
      const from = context.address(input);
      const to = context.address(out);
      if (input.dtype === out.dtype) return kernels.copyBytes(from, to, viewBytes(input));
      if (input.dtype === 'f32' && out.dtype === 'f16') return kernels.floatToHalf(from, to, elements(input));
      if (input.dtype === 'f16' && out.dtype === 'f32') return kernels.halfToFloat(from, to, elements(input));
      if (input.dtype === 'i32' && out.dtype === 'f32') return kernels.intToFloat(from, to, elements(input));
      throw new DTypeError({ what: 'The CPU backend has no such cast.', got: `${input.dtype} to ${out.dtype}` });
    },
    add: binary('add'),
    subtract: binary('subtract'),
    multiply: binary('multiply'),
    divide: binary('divide'),
    affine({ input, scale, offset, out }) {
      kernels.affine(context.address(input), context.address(out), scale, offset, elements(out));
    },
    exp: unary('exp'),
    log: unary('log'),
    sqrt: unary('sqrt'),
    sigmoid: unary('sigmoid'),
  };
}

/** The 32-bit pattern of a number in a dtype. */
function bitsOf(value: number, dtype: string): number {
  return dtype === 'f32' ? (new Int32Array(Float32Array.of(value).buffer)[0] as number) : value | 0;
}
