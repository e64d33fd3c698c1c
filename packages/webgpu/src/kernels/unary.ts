/**
 * affine, exp, log, sqrt, sigmoid: out[i] = f(input[i]), f32 [n]; out may be the input.
 *
 * Geometry: one element, or one vector of four where views and length allow, per invocation, in a 1-D grid. Roofline:
 * a load and a store of 4 bytes for a few FLOPs, so memory-bound; nothing is read twice. Longer tensors go in pieces.
 */

import { sizeOf, type UnaryArguments } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { piecesOf } from './pieces.ts';

export type UnaryKind = 'affine' | 'exp' | 'log' | 'sqrt' | 'sigmoid';

const size = 64;

/** Each as an expression of x, a number or a vector of type T. */
const expressions: Readonly<Record<UnaryKind, (type: string) => string>> = {
  affine: (type) => `${type}(params.scale) * x + ${type}(params.offset)`,
  exp: () => 'exp(x)',
  log: () => 'log(x)',
  sqrt: () => 'sqrt(x)',
  // e = exp(−|x|) is at most 1: 1 / (1 + e) for x ≥ 0, e / (1 + e) below.
  sigmoid: (type) => `select(exp(-abs(x)), ${type}(1.0), x >= ${type}(0.0)) / (${type}(1.0) + exp(-abs(x)))`,
};

const unaryKernel = kernelFamily((kind: UnaryKind, vector: boolean) => {
  const type = vector ? 'vec4<f32>' : 'f32';
  return defineKernel({
    name: kind,
    variant: type,
    params: { count: 'u32', scale: 'f32', offset: 'f32' },
    bindings: { input: { access: 'read', element: type }, out: { access: 'write', element: type } },
    workgroupSize: [size, 1, 1],
    main: ({ input, out }) => `
  if (index >= params.count) { return; }
  let x = ${input}[params.input_at + index];
  ${out}[params.out_at + index] = ${expressions[kind](type)};`,
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
    const vector = length % 4 === 0 && runner.aligned(views.input) && runner.aligned(views.out);
    const count = vector ? length / 4 : length;
    runner.run(unaryKernel(kind, vector), {
      bindings: views,
      params: { count, scale, offset },
      workgroups: gridOf(count, size),
      flops: length,
    });
  }
}
