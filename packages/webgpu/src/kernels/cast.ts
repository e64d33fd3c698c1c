/**
 * cast: f32 ↔ f16 (to nearest, ties to even; exact the other way), i32 → f32, and copies of equal dtypes.
 *
 * Geometry: an invocation per f16 word (two elements), or per element, in a 1-D grid. All bindings are words, so that
 * conversions see bits and both views may lie in one buffer. Roofline: memory-bound, 6 or 8 bytes per element.
 */

import { bytesPerElement, sizeOf, type TensorView, type UnaryArguments } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { copyBlock } from './copy-block.ts';
import { piecesOf } from './pieces.ts';
import { floatToHalfBits, halfToFloatBits } from './wgsl/half.ts';

type Conversion = 'f32 to f16' | 'f16 to f32' | 'i32 to f32';

const size = 64;

const declarations: Readonly<Record<Conversion, string>> = {
  'f32 to f16': floatToHalfBits,
  'f16 to f32': halfToFloatBits,
  'i32 to f32': '',
};

/** `count` elements; the last f16 word of an odd number holds one. */
const statements: Readonly<Record<Conversion, (input: string, out: string) => string>> = {
  'f32 to f16': (input, out) => `
  if (2u * index >= params.count) { return; }
  let at = params.input_at + 2u * index;
  var word = float_to_half_bits(${input}[at]);
  if (2u * index + 1u < params.count) { word |= float_to_half_bits(${input}[at + 1u]) << 16u; }
  ${out}[params.out_at + index] = word;`,
  'f16 to f32': (input, out) => `
  if (2u * index >= params.count) { return; }
  let word = ${input}[params.input_at + index];
  let at = params.out_at + 2u * index;
  ${out}[at] = half_to_float_bits(word);
  if (2u * index + 1u < params.count) { ${out}[at + 1u] = half_to_float_bits(word >> 16u); }`,
  'i32 to f32': (input, out) => `
  if (index >= params.count) { return; }
  ${out}[params.out_at + index] = bitcast<u32>(f32(bitcast<i32>(${input}[params.input_at + index])));`,
};

const castKernel = kernelFamily((conversion: Conversion) =>
  defineKernel({
    name: 'cast',
    variant: conversion,
    params: { count: 'u32' },
    bindings: { input: { access: 'read', element: 'u32' }, out: { access: 'write', element: 'u32' } },
    workgroupSize: [size, 1, 1],
    declarations: declarations[conversion],
    main: ({ input, out }) => statements[conversion](input, out),
  }),
);

export function cast(runner: KernelRunner, { input, out }: UnaryArguments): void {
  if (input.dtype === out.dtype) {
    copyWords(runner, input, out);
    return;
  }
  const conversion = `${input.dtype} to ${out.dtype}` as Conversion;
  for (const { views } of piecesOf(runner, { input, out })) {
    const count = sizeOf(views.out.shape);
    const invocations = conversion === 'i32 to f32' ? count : Math.ceil(count / 2);
    runner.run(castKernel(conversion), { bindings: views, params: { count }, workgroups: gridOf(invocations, size) });
  }
}

/** A copy, whole words: of an odd number of f16 the other half of the last word goes along. */
function copyWords(runner: KernelRunner, input: TensorView, out: TensorView): void {
  const [from, to] = [runner.locate(input), runner.locate(out)];
  if (from.allocation === to.allocation && from.start === to.start) return;
  const shape = [Math.ceil((sizeOf(out.shape) * bytesPerElement[out.dtype]) / 4)];
  const [length] = shape as [number];
  copyBlock(runner, {
    input: { buffer: input.buffer, byteOffset: input.byteOffset, dtype: 'u32', shape },
    inputOffset: 0,
    inputStride: 0,
    out: { buffer: out.buffer, byteOffset: out.byteOffset, dtype: 'u32', shape },
    outOffset: 0,
    outStride: 0,
    outer: 1,
    length,
  });
}
