/**
 * First step of attendBackward: rows[t, h] = (logSumExp, delta, slope, position), delta = Σ_c out · gradOut. A workgroup
 * or an invocation to a query and head (wgsl/row-work.ts); reads out and gradOut once.
 */

import type { AttendBackwardArguments, TensorView } from '@inattention/core';
import { type BindingDefinition, defineKernel, kernelFamily } from '../../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../../execution/kernel-runner.ts';
import { rowsOf } from '../pieces.ts';
import { canUseVectors, elementsOf } from '../wgsl/elements.ts';
import { type RowWay, rowInvocations, rowWayOf, rowWork } from '../wgsl/row-work.ts';

const togetherSize = 32;

const kernels = kernelFamily((way: RowWay, vectors: boolean, sloped: boolean) => {
  const work = rowWork(way, togetherSize);
  const { type } = elementsOf(vectors);
  const bindings: Record<string, BindingDefinition> = {
    out: { access: 'read', element: type },
    grad: { access: 'read', element: type },
    log_sum: { access: 'read', element: 'f32' },
    positions: { access: 'read', element: 'i32' },
    ...(sloped && { slopes: { access: 'read', element: 'f32' } }),
    records: { access: 'write', element: 'vec4<u32>' },
  };
  return defineKernel({
    name: 'attend-backward-rows',
    variant: `${way} ${type} ${sloped}`,
    params: { rows: 'u32', heads: 'u32', width: 'u32' },
    bindings,
    workgroupSize: [work.size, 1, 1],
    subgroups: work.subgroups,
    shader: async () => (await import('./backward-rows.wgsl.ts')).backwardRows(way, togetherSize, vectors, sloped),
  });
});

/** Records of queries [first, first + count) into `records` [count, H, 4]. */
export function backwardRows(
  runner: KernelRunner,
  {
    out,
    gradOut,
    logSumExp,
    positions,
    slopes,
  }: Pick<AttendBackwardArguments, 'out' | 'gradOut' | 'logSumExp' | 'positions' | 'slopes'>,
  { first, count }: { readonly first: number; readonly count: number },
  records: TensorView,
  together: boolean,
): void {
  const [, heads = 0, headDim = 0] = out.shape;
  const [ownOut, ownGrad] = [rowsOf(out, first, count), rowsOf(gradOut, first, count)];
  const vectors = canUseVectors(runner, headDim, ownOut, ownGrad);
  const way = rowWayOf(runner, together, togetherSize);
  const work = rowWork(way, togetherSize);
  runner.run(kernels(way, vectors, slopes !== null), {
    bindings: {
      out: ownOut,
      grad: ownGrad,
      log_sum: rowsOf(logSumExp, first, count),
      positions: rowsOf(positions, first, count),
      ...(slopes !== null && { slopes }),
      records,
    },
    params: { rows: count * heads, heads, width: vectors ? headDim / 4 : headDim },
    workgroups: gridOf(rowInvocations(work, count * heads), work.size),
    flops: 2 * count * heads * headDim,
  });
}
