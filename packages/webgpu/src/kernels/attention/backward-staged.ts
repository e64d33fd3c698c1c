/**
 * attendBackward without barriers, for a CPU that plays GPU: P and dS = P ⊙ (gradOut Vᵀ − delta) of a block are made once
 * and kept in scratch [H, t, ceil(n / 4)] vectors of four entries; products with them give the gradients. Fours of queries
 * and entries that do not see each other are left out.
 *
 *     weights:  4 queries × 4 entries to an invocation (16 vectors loaded for 128 multiply-adds)
 *     queries:  4 queries × 4 channels (8 loads for 64);   entries: 4 entries × 4 channels of both (4 loads for 32)
 */

import { defineKernel, kernelFamily } from '../../execution/kernel.ts';
import { backwardParams, headElement } from './backward-access.ts';

export const stagedSize = 16;

/** Invocations: H · ceil(t / 4) · ceil(n / 4), entries the fastest. What is not seen is not written. */
export const weightKernel = kernelFamily((aligned: boolean) => {
  const element = headElement(aligned);
  return defineKernel({
    name: 'attend-backward-weights',
    variant: `staged ${aligned}`,
    params: backwardParams,
    bindings: {
      queries: { access: 'read', element },
      grad: { access: 'read', element },
      keys: { access: 'read', element },
      values: { access: 'read', element },
      records: { access: 'read', element: 'vec4<u32>' },
      weights: { access: 'write', element: 'vec4<f32>' },
      gradients: { access: 'write', element: 'vec4<f32>' },
    },
    workgroupSize: [stagedSize, 1, 1],
    shader: async () => (await import('./backward-staged.wgsl.ts')).weights(aligned),
  });
});

/** Invocations: ceil(t / 4) · H · vectors, vectors the fastest. */
export const queryKernel = kernelFamily((aligned: boolean) => {
  const element = headElement(aligned);
  return defineKernel({
    name: 'attend-backward-queries',
    variant: `staged ${aligned}`,
    params: backwardParams,
    bindings: {
      gradients: { access: 'read', element: 'vec4<f32>' },
      records: { access: 'read', element: 'vec4<u32>' },
      keys: { access: 'read', element },
      grad_queries: { access: 'write', element },
    },
    workgroupSize: [stagedSize, 1, 1],
    shader: async () => (await import('./backward-staged.wgsl.ts')).queryGradients(aligned),
  });
});

/** Invocations: ceil(n / 4) · G · vectors, vectors the fastest. */
export const entryKernel = kernelFamily((aligned: boolean) => {
  const element = headElement(aligned);
  return defineKernel({
    name: 'attend-backward-entries',
    variant: `staged ${aligned}`,
    params: backwardParams,
    bindings: {
      weights: { access: 'read', element: 'vec4<f32>' },
      gradients: { access: 'read', element: 'vec4<f32>' },
      records: { access: 'read', element: 'vec4<u32>' },
      queries: { access: 'read', element },
      grad: { access: 'read', element },
      grad_keys: { access: 'write', element },
      grad_values: { access: 'write', element },
    },
    workgroupSize: [stagedSize, 1, 1],
    shader: async () => (await import('./backward-staged.wgsl.ts')).entryGradients(aligned),
  });
});
