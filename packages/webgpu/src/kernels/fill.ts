/**
 * fill: out = value, f32, i32 or u32, as bits. Geometry: a vector of four per invocation, or four words where the view's
 * place or length does not allow vectors; a 1-D grid. Long tensors go in pieces. Roofline: one write per word.
 */

import { type Primitives, sizeOf } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { piecesOf } from './pieces.ts';
import { canUseVectors } from './wgsl/elements.ts';

const size = 64;

const fillKernel = kernelFamily((vectors: boolean) =>
  defineKernel({
    name: 'fill',
    variant: vectors ? 'vec4<u32>' : 'u32',
    params: { length: 'u32', word: 'u32' },
    bindings: { out: { access: 'write', element: vectors ? 'vec4<u32>' : 'u32' } },
    workgroupSize: [size, 1, 1],
    main: ({ out }) =>
      vectors
        ? `
  if (4u * index < params.length) { ${out}[params.out_at + index] = vec4<u32>(params.word); }`
        : `
  let first = index * 4u;
  for (var i = first; i < min(first + 4u, params.length); i++) {
    ${out}[params.out_at + i] = params.word;
  }`,
  }),
);

export function fill(runner: KernelRunner, { out, value }: Parameters<Primitives['fill']>[0]): void {
  const [word = 0] = new Uint32Array((out.dtype === 'f32' ? Float32Array : Int32Array).of(value).buffer);
  for (const { views } of piecesOf(runner, { out })) {
    const length = sizeOf(views.out.shape);
    const kernel = fillKernel(canUseVectors(runner, length, views.out));
    runner.run(kernel, { bindings: views, params: { length, word }, workgroups: gridOf(Math.ceil(length / 4), size) });
  }
}
