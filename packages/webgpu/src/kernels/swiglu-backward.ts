/**
 * swigluBackward: with σ = sigmoid(gate), gradGate = gradOut · up · σ (1 + gate (1 − σ)) and gradUp = gradOut · gate σ.
 * An element, or four, to an invocation; memory-bound (20 bytes per element).
 */

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
    declarations: sigmoidOf(elements),
    main: ({ gate, up, grad, grad_gate, grad_up }) => `
  if (index >= params.length) { return; }
  let a = ${gate}[params.gate_at + index];
  let gradient = ${grad}[params.grad_at + index];
  let weighted = gradient * ${up}[params.up_at + index];
  let sigma = sigmoid_of(a);
  let silu = a * sigma;
  ${grad_gate}[params.grad_gate_at + index] = weighted * (sigma + silu * (1.0 - sigma));
  ${grad_up}[params.grad_up_at + index] = gradient * silu;`,
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
