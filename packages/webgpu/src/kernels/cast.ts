/**
 * cast: f32 ↔ f16 (to nearest, ties to even; exact the other way), i32 → f32, and copies of equal dtypes.
 *
 * Geometry: eight elements per invocation (four of i32) where views and length allow, else one f16 word (two elements)
 * or one i32; a 1-D grid. All bindings are words, so that conversions see bits and both views may lie in one buffer. Roofline: memory-bound, 6 or 8 bytes per element.
 */

import { bytesPerElement, sizeOf, type TensorView, type UnaryArguments } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { copyBlock } from './copy-block.ts';
import { piecesOf } from './pieces.ts';
import { canUseVectors } from './wgsl/elements.ts';
import { floatToHalfBits, halfToFloatBits, unpackedHalves, type Words } from './wgsl/half.ts';

type Conversion = 'f32 to f16' | 'f16 to f32' | 'i32 to f32';

const size = 64;

/** Elements to an invocation: eight where views and length allow. */
const perInvocation: Readonly<Record<Conversion, { readonly words: number; readonly vectors: number }>> = {
  'f32 to f16': { words: 2, vectors: 8 },
  'f16 to f32': { words: 2, vectors: 8 },
  'i32 to f32': { words: 1, vectors: 4 },
};

const declarations: Readonly<Record<Conversion, (type: Words) => string>> = {
  'f32 to f16': floatToHalfBits,
  'f16 to f32': halfToFloatBits,
  'i32 to f32': () => '',
};

/** On words; the last f16 word of an odd number holds one element. */
const wordStatements: Readonly<Record<Conversion, (input: string, out: string) => string>> = {
  'f32 to f16': (input, out) => `
  let at = params.input_at + 2u * index;
  var word = float_to_half_bits(${input}[at]);
  if (2u * index + 1u < params.count) { word |= float_to_half_bits(${input}[at + 1u]) << 16u; }
  ${out}[params.out_at + index] = word;`,
  'f16 to f32': (input, out) => `
  let word = ${input}[params.input_at + index];
  let at = params.out_at + 2u * index;
  ${out}[at] = half_to_float_bits(word);
  if (2u * index + 1u < params.count) { ${out}[at + 1u] = half_to_float_bits(word >> 16u); }`,
  'i32 to f32': (input, out) => `
  ${out}[params.out_at + index] = bitcast<u32>(f32(bitcast<i32>(${input}[params.input_at + index])));`,
};

const vectorStatements: Readonly<Record<Conversion, (input: string, out: string) => string>> = {
  'f32 to f16': (input, out) => `
  let at = params.input_at + 2u * index;
  let a = float_to_half_bits(${input}[at]);
  let b = float_to_half_bits(${input}[at + 1u]);
  ${out}[params.out_at + index] = vec4<u32>(a.xz, b.xz) | (vec4<u32>(a.yw, b.yw) << vec4<u32>(16u));`,
  'f16 to f32': (input, out) => `
  let words = ${input}[params.input_at + index];
  let at = params.out_at + 2u * index;
  ${out}[at] = half_to_float_bits(${unpackedHalves('words.xy')});
  ${out}[at + 1u] = half_to_float_bits(${unpackedHalves('words.zw')});`,
  'i32 to f32': (input, out) => `
  ${out}[params.out_at + index] = bitcast<vec4<u32>>(vec4<f32>(bitcast<vec4<i32>>(${input}[params.input_at + index])));`,
};

const castKernel = kernelFamily((conversion: Conversion, vectors: boolean) => {
  const type = vectors ? 'vec4<u32>' : 'u32';
  const elements = perInvocation[conversion][vectors ? 'vectors' : 'words'];
  return defineKernel({
    name: 'cast',
    variant: `${conversion} ${type}`,
    params: { count: 'u32' },
    bindings: { input: { access: 'read', element: type }, out: { access: 'write', element: type } },
    workgroupSize: [size, 1, 1],
    declarations: declarations[conversion](type),
    main: ({ input, out }) => `
  if (${elements}u * index >= params.count) { return; }
${(vectors ? vectorStatements : wordStatements)[conversion](input, out)}`,
  });
});

export function cast(runner: KernelRunner, { input, out }: UnaryArguments): void {
  if (input.dtype === out.dtype) {
    copyWords(runner, input, out);
    return;
  }
  const conversion = `${input.dtype} to ${out.dtype}` as Conversion;
  for (const { views } of piecesOf(runner, { input, out })) {
    const count = sizeOf(views.out.shape);
    const { words, vectors } = perInvocation[conversion];
    const whole = canUseVectors(runner, count, views.input, views.out) && count % vectors === 0;
    const invocations = Math.ceil(count / (whole ? vectors : words));
    runner.run(castKernel(conversion, whole), {
      bindings: views,
      params: { count },
      workgroups: gridOf(invocations, size),
    });
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
