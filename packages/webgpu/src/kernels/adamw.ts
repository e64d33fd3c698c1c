/**
 * adamw: one step in place, everything in one pass. An element, or four, to an invocation; memory-bound (reads 16 bytes
 * and writes 12 per element). Factors that do not depend on the element come from the host, rounded once.
 */

import { type AdamWArguments, sizeOf } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { piecesOf } from './pieces.ts';
import { canUseVectors, elementsOf } from './wgsl/elements.ts';

const size = 64;

const kernels = kernelFamily((vectors: boolean) => {
  const { type: element } = elementsOf(vectors);
  return defineKernel({
    name: 'adamw',
    variant: element,
    params: {
      length: 'u32',
      beta1: 'f32',
      rest1: 'f32',
      beta2: 'f32',
      rest2: 'f32',
      step_size: 'f32',
      correction2: 'f32',
      epsilon: 'f32',
      kept: 'f32',
    },
    bindings: {
      parameter: { access: 'write', element },
      gradient: { access: 'read', element },
      first: { access: 'write', element },
      second: { access: 'write', element },
    },
    workgroupSize: [size, 1, 1],
    shader: async () => (await import('./adamw.wgsl.ts')).adamw,
  });
});

export function adamw(
  runner: KernelRunner,
  {
    parameter,
    gradient,
    firstMoment,
    secondMoment,
    learningRate,
    beta1,
    beta2,
    epsilon,
    weightDecay,
    step,
  }: AdamWArguments,
): void {
  const factors = {
    beta1,
    rest1: 1 - beta1,
    beta2,
    rest2: 1 - beta2,
    step_size: learningRate / (1 - beta1 ** step),
    correction2: 1 / (1 - beta2 ** step),
    epsilon,
    kept: 1 - learningRate * weightDecay,
  };
  for (const { views } of piecesOf(runner, { parameter, gradient, first: firstMoment, second: secondMoment })) {
    const count = sizeOf(views.parameter.shape);
    const vectors = canUseVectors(runner, count, ...Object.values(views));
    const length = vectors ? count / 4 : count;
    runner.run(kernels(vectors), {
      bindings: views,
      params: { length, ...factors },
      workgroups: gridOf(length, size),
      flops: 14 * count,
    });
  }
}
