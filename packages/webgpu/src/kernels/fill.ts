/** fill: out = value, f32 or i32, four words to an invocation. Long tensors go in pieces that fit a binding. */

import { type Primitives, sizeOf } from '@inattention/core';
import { defineKernel } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { piecesOf } from './pieces.ts';

const size = 64;

const fillWords = defineKernel({
  name: 'fill',
  params: { length: 'u32', word: 'u32' },
  bindings: { out: { access: 'write', element: 'u32' } },
  workgroupSize: [size, 1, 1],
  main: ({ out }) => `
  let first = index * 4u;
  for (var i = first; i < min(first + 4u, params.length); i++) {
    ${out}[params.out_at + i] = params.word;
  }`,
});

export function fill(runner: KernelRunner, { out, value }: Parameters<Primitives['fill']>[0]): void {
  const [word = 0] = new Uint32Array((out.dtype === 'f32' ? Float32Array : Int32Array).of(value).buffer);
  for (const { views } of piecesOf(runner, { out })) {
    const length = sizeOf(views.out.shape);
    const params = { length, word };
    runner.run(fillWords, { bindings: views, params, workgroups: gridOf(Math.ceil(length / 4), size) });
  }
}
