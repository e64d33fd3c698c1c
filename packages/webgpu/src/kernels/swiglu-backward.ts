/**
 * swigluBackward: with σ = sigmoid(gate), gradGate = gradOut · up · σ (1 + gate (1 − σ)) and gradUp = gradOut · gate σ.
 * An element, or four, to an invocation; memory-bound (20 bytes per element).
 */

import { type FusedOperations, sizeOf } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { piecesOf } from './pieces.ts';
import { canUseVectors, elementsOf } from './wgsl/elements.ts';

const size = 64;

const kernels = kernelFamily((vectors: boolean) => {
  const { type: element } = elementsOf(vectors);
  return defineKernel({
    name: 'swiglu-backward',
    variant: element,
    params: { length: 'u32' },
    bindings: {
      gate: { access: 'read', element },
      up: { access: 'read', element },
      grad: { access: 'read', element },
      grad_gate: { access: 'write', element },
      grad_up: { access: 'write', element },
    },
    workgroupSize: [size, 1, 1],
    shader: async () => (await import('./swiglu-backward.wgsl.ts')).swigluBackward(vectors),
  });
});

export function swigluBackward(
  runner: KernelRunner,
  { gate, up, gradOut, gradGate, gradUp }: Parameters<FusedOperations['swigluBackward']>[0],
): void {
  const all = { gate, up, grad: gradOut, grad_gate: gradGate, grad_up: gradUp };
  for (const { views } of piecesOf(runner, all)) {
    const count = sizeOf(views.gate.shape);
    const vectors = canUseVectors(runner, count, ...Object.values(views));
    const length = vectors ? count / 4 : count;
    runner.run(kernels(vectors), {
      bindings: views,
      params: { length },
      workgroups: gridOf(length, size),
      flops: 12 * count,
    });
  }
}
