/**
 * rmsNormBackward: with s = inverseRms and y = weight ⊙ grad, rows [n, D],
 *
 *     gradInput = s · (y − x s · mean(x s ⊙ y));  gradWeight = Σ_rows grad ⊙ x s.
 *
 * gradInput: a workgroup or an invocation to a row, as rmsNorm. gradWeight: neighbouring invocations have neighbouring
 * columns and add up a block of rows each, into scratch [blocks, D]; a second dispatch adds up the blocks. The order of
 * additions depends on the shape and the length of bindings alone: the same result every time. Memory-bound: 12 and 8 bytes per element.
 */

import type { RmsNormBackwardArguments, TensorView } from '@inattention/core';
import { type BindingDefinition, defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { rowRuns, rowsOf, sliceOf } from './pieces.ts';
import { canUseVectors, elementsOf } from './wgsl/elements.ts';
import { type RowWay, rowInvocations, rowWayOf, rowWork, sizeForRow } from './wgsl/row-work.ts';

const inputKernels = kernelFamily((way: RowWay, size: number, vectors: boolean, weighted: boolean) => {
  const work = rowWork(way, size);
  const { type } = elementsOf(vectors);
  const bindings: Record<string, BindingDefinition> = {
    input: { access: 'read', element: type },
    ...(weighted && { weight: { access: 'read', element: type } }),
    inverse: { access: 'read', element: 'f32' },
    grad: { access: 'read', element: type },
    out: { access: 'write', element: type },
  };
  return defineKernel({
    name: 'rms-norm-backward',
    variant: `${way} ${work.size} ${vectors} ${weighted}`,
    params: { rows: 'u32', width: 'u32', per_element: 'f32' },
    bindings,
    workgroupSize: [work.size, 1, 1],
    subgroups: work.subgroups,
    shader: async () => (await import('./rms-norm-backward.wgsl.ts')).inputGradient(way, size, vectors, weighted),
  });
});

const columnSize = 64;

/** partial[first_block + b] = Σ over the rows of block b of grad ⊙ input · inverse. */
const weightKernels = kernelFamily((vectors: boolean) => {
  const { type } = elementsOf(vectors);
  return defineKernel({
    name: 'rms-norm-backward-weight',
    variant: type,
    params: { rows: 'u32', width: 'u32', block: 'u32' },
    bindings: {
      input: { access: 'read', element: type },
      inverse: { access: 'read', element: 'f32' },
      grad: { access: 'read', element: type },
      partial: { access: 'write', element: type },
    },
    workgroupSize: [columnSize, 1, 1],
    shader: async () => (await import('./rms-norm-backward.wgsl.ts')).weightGradient(vectors),
  });
});

/** out = Σ_b partial[b], after what out holds when `added`. */
const sumKernels = kernelFamily((vectors: boolean) => {
  const { type } = elementsOf(vectors);
  return defineKernel({
    name: 'rms-norm-backward-sum',
    variant: type,
    params: { blocks: 'u32', width: 'u32', added: 'u32' },
    bindings: { partial: { access: 'read', element: type }, out: { access: 'write', element: type } },
    workgroupSize: [columnSize, 1, 1],
    shader: async () => (await import('./rms-norm-backward.wgsl.ts')).sumOfBlocks(vectors),
  });
});

export function rmsNormBackward(
  runner: KernelRunner,
  args: RmsNormBackwardArguments,
  together = !runner.traits.software,
): void {
  const { input, weight, inverseRms, gradOut, gradInput, gradWeight } = args;
  const [rows = 0, width = 0] = input.shape;
  if (width === 0) return;
  // First, since gradInput may be the gradient itself.
  if (gradWeight !== null) columnSums(runner, args, gradWeight);
  const vectors = canUseVectors(runner, width, input, weight, gradOut, gradInput);
  const length = vectors ? width / 4 : width;
  const size = sizeForRow(length);
  const way = rowWayOf(runner, together, size);
  const kernel = inputKernels(way, size, vectors, weight !== null);
  const work = rowWork(way, size);
  for (const { first, count } of rowRuns(runner, rows, width)) {
    runner.run(kernel, {
      bindings: {
        input: rowsOf(input, first, count),
        ...(weight !== null && { weight }),
        inverse: sliceOf(inverseRms, first, count),
        grad: rowsOf(gradOut, first, count),
        out: rowsOf(gradInput, first, count),
      },
      params: { rows: count, width: length, per_element: 1 / width },
      workgroups: gridOf(rowInvocations(work, count), work.size),
      flops: 8 * count * width,
    });
  }
}

function columnSums(
  runner: KernelRunner,
  { input, inverseRms, gradOut }: RmsNormBackwardArguments,
  gradWeight: TensorView,
): void {
  const [rows = 0, width = 0] = input.shape;
  const vectors = canUseVectors(runner, width, input, gradOut, gradWeight);
  const length = vectors ? width / 4 : width;
  const columns = Math.ceil(length / columnSize);
  for (const { first, count } of rowRuns(runner, Math.max(1, rows), width)) {
    const taken = Math.min(rows - first, count);
    const block = Math.max(8, Math.ceil(Math.sqrt(taken)));
    const blocks = Math.max(1, Math.ceil(taken / block));
    runner.withScratch([blocks, width], (partial) => {
      runner.run(weightKernels(vectors), {
        bindings: {
          input: rowsOf(input, first, taken),
          inverse: sliceOf(inverseRms, first, taken),
          grad: rowsOf(gradOut, first, taken),
          partial,
        },
        params: { rows: taken, width: length, block },
        workgroups: [columns, blocks],
        flops: 3 * taken * width,
      });
      runner.run(sumKernels(vectors), {
        bindings: { partial, out: gradWeight },
        params: { blocks, width: length, added: first === 0 ? 0 : 1 },
        workgroups: gridOf(length, columnSize),
        flops: blocks * width,
      });
    });
  }
}
