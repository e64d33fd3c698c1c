/** swiglu: out = gate · sigmoid(gate) · up. An element, or four, to an invocation; memory-bound (12 bytes per element). */

import { type FusedOperations, sizeOf } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { piecesOf } from './pieces.ts';
import { canUseVectors, elementsOf } from './wgsl/elements.ts';
import { sigmoidOf } from './wgsl/sigmoid.ts';

const size = 64;

const kernels = kernelFamily((vectors: boolean) => {
  const elements = elementsOf(vectors);
  const element = elements.type;
  return defineKernel({
    name: 'swiglu',
    variant: element,
    params: { length: 'u32' },
    bindings: {
      gate: { access: 'read', element },
      up: { access: 'read', element },
      out: { access: 'write', element },
    },
    workgroupSize: [size, 1, 1],
    declarations: sigmoidOf(elements),
    main: ({ gate, up, out }) => `
  if (index >= params.length) { return; }
  let a = ${gate}[params.gate_at + index];
  ${out}[params.out_at + index] = a * sigmoid_of(a) * ${up}[params.up_at + index];`,
  });
});

export function swiglu(runner: KernelRunner, { gate, up, out }: Parameters<FusedOperations['swiglu']>[0]): void {
  for (const { views } of piecesOf(runner, { gate, up, out })) {
    const count = sizeOf(views.out.shape);
    const vectors = canUseVectors(runner, count, views.gate, views.up, views.out);
    const length = vectors ? count / 4 : count;
    runner.run(kernels(vectors), {
      bindings: views,
      params: { length },
      workgroups: gridOf(length, size),
      flops: 6 * count,
    });
  }
}
