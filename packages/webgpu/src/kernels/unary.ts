/**
 * affine, exp, log, sqrt, sigmoid: out[i] = f(input[i]), f32 [n]; out may be the input.
 *
 * Geometry: one element, or one vector of four where views and length allow, per invocation, in a 1-D grid. Roofline:
 * a load and a store of 4 bytes for a few FLOPs, so memory-bound; nothing is read twice. Longer tensors go in pieces.
 * Infinities and NaN pass through; log and sqrt below 0 are what the device makes of them.
 */

import { sizeOf, type UnaryArguments } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { piecesOf } from './pieces.ts';
import { canUseVectors, elementsOf } from './wgsl/elements.ts';
import { sigmoidOf } from './wgsl/sigmoid.ts';

export type UnaryKind = 'affine' | 'exp' | 'log' | 'sqrt' | 'sigmoid';

const size = 64;

/** Each as an expression of x, a number or a vector of them. */
const expressions: Readonly<Record<UnaryKind, string>> = {
  affine: 'params.scale * x + params.offset',
  exp: 'exp(x)',
  log: 'log(x)',
  sqrt: 'sqrt(x)',
  sigmoid: 'sigmoid_of(x)',
};

/** `y`, or x where x is not a number: WGSL leaves that to the device, and some make an infinity of it. Told by the bits. */
function unlessNotANumber(y: string, vectors: boolean): string {
  const type = vectors ? 'vec4<u32>' : 'u32';
  return `select(${y}, x, (bitcast<${type}>(x) & ${type}(0x7fffffffu)) > ${type}(0x7f800000u))`;
}

const unaryKernel = kernelFamily((kind: UnaryKind, vectors: boolean) => {
  const elements = elementsOf(vectors);
  const { type } = elements;
  return defineKernel({
    name: kind,
    variant: type,
    params: { count: 'u32', scale: 'f32', offset: 'f32' },
    bindings: { input: { access: 'read', element: type }, out: { access: 'write', element: type } },
    workgroupSize: [size, 1, 1],
    declarations: kind === 'sigmoid' ? sigmoidOf(elements) : '',
    main: ({ input, out }) => `
  if (index >= params.count) { return; }
  let x = ${input}[params.input_at + index];
  ${out}[params.out_at + index] = ${unlessNotANumber(expressions[kind], vectors)};`,
  });
});

export function unary(
  runner: KernelRunner,
  kind: UnaryKind,
  { input, out }: UnaryArguments,
  { scale, offset }: { readonly scale: number; readonly offset: number } = { scale: 1, offset: 0 },
): void {
  for (const { views } of piecesOf(runner, { input, out })) {
    const length = sizeOf(views.out.shape);
    const vectors = canUseVectors(runner, length, views.input, views.out);
    const count = length / elementsOf(vectors).width;
    runner.run(unaryKernel(kind, vectors), {
      bindings: views,
      params: { count, scale, offset },
      workgroups: gridOf(count, size),
      flops: length,
    });
  }
}
