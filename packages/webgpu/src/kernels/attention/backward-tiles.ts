/**
 * attendBackward on GPUs: two kernels over tiles of 32 queries × 32 entries, 128 invocations to a workgroup.
 *
 *     over queries:  a workgroup to 32 queries of a head; goes through the entries they see;  gradQueries
 *     over entries:  a workgroup to 32 entries of a key head; goes through its heads and their queries;  gradKeys, gradValues
 *
 * Each makes the tile of weights P and of dS = P ⊙ (gradOut Vᵀ − delta) anew: 4C of the 6C and 8C multiply-adds a pair,
 * which is what it costs to need neither atomics nor scratch. An invocation makes 4 × 2 scores from chunks of 16 channels
 * (12 vectors loaded from workgroup memory for 64 multiply-adds), and keeps sums of 1 row × C / 4 channels in registers
 * (5 loads, 4 of them broadcast, for 16). Rows come from memory once per tile: T / 32 times over all entries.
 */

import { defineKernel, kernelFamily } from '../../execution/kernel.ts';
import { backwardParams, headElement, invocations, wide } from './backward-access.ts';

const reads = (aligned: boolean) =>
  ({
    queries: { access: 'read', element: headElement(aligned) },
    grad: { access: 'read', element: headElement(aligned) },
    keys: { access: 'read', element: headElement(aligned) },
    values: { access: 'read', element: headElement(aligned) },
    records: { access: 'read', element: 'vec4<u32>' },
  }) as const;

/** Passes over a row's channels while sums are made: what tells kernels for different C apart. */
export function passesOf(vectors: number): number {
  return Math.ceil(vectors / wide);
}

/** Workgroups: [query tiles, H]. */
export const queryTileKernel = kernelFamily((aligned: boolean, passes: number) =>
  defineKernel({
    name: 'attend-backward-queries',
    variant: `tiles ${aligned} ${passes}`,
    params: backwardParams,
    bindings: { ...reads(aligned), grad_queries: { access: 'write', element: headElement(aligned) } },
    workgroupSize: [invocations, 1, 1],
    shader: async () => (await import('./backward-tiles.wgsl.ts')).queryTile(aligned, passes),
  }),
);

/** Workgroups: [entry tiles, G]. */
export const entryTileKernel = kernelFamily((aligned: boolean, passes: number) =>
  defineKernel({
    name: 'attend-backward-entries',
    variant: `tiles ${aligned} ${passes}`,
    params: backwardParams,
    bindings: {
      ...reads(aligned),
      grad_keys: { access: 'write', element: headElement(aligned) },
      grad_values: { access: 'write', element: headElement(aligned) },
    },
    workgroupSize: [invocations, 1, 1],
    shader: async () => (await import('./backward-tiles.wgsl.ts')).entryTile(aligned, passes),
  }),
);
