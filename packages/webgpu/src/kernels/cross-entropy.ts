/**
 * crossEntropy: nll[r] = log Σ_v exp(logits[r, v]) − logits[r, targets[r]], rows [n, V] of any length, in one pass over
 * the logits: maximum and sum together, the sum rescaled whenever the maximum grows.
 *
 * A row is cut into segments, so that few long rows keep a device busy and a row may be longer than a binding. First
 * kernel: (maximum, sum) of each segment, a workgroup or an invocation to a segment (wgsl/row-work.ts), and the target's
 * logit. Second: the segments of a row merge. Scratch: 2 numbers per segment, 1 per row. Memory-bound: 4 bytes per logit.
 */

import type { CrossEntropyArguments } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { blockOf, rowRuns, rowsOf, sliceOf } from './pieces.ts';
import { canUseVectors, elementsOf } from './wgsl/elements.ts';
import { type RowWay, rowInvocations, rowWayOf, rowWork } from './wgsl/row-work.ts';

const workgroupSize = 256;

/** Logits of a segment: long enough that merging costs nothing beside them, short enough to use cores with few rows. */
const togetherLength = 16_384;
const aloneLength = 2048;

const segmentKernels = kernelFamily((way: RowWay, vectors: boolean) => {
  const work = rowWork(way, workgroupSize);
  const { type } = elementsOf(vectors);
  return defineKernel({
    name: 'cross-entropy',
    variant: `${way} ${type}`,
    params: {
      /** Segments of this dispatch: `segments` to each row of `width` elements. */
      rows: 'u32',
      segments: 'u32',
      width: 'u32',
      length: 'u32',
      /** Where the columns of this dispatch begin, in logits. */
      column: 'u32',
      /** Where its segments begin among those of a row, and how many a row has in all. */
      segment: 'u32',
      all_segments: 'u32',
    },
    bindings: {
      logits: { access: 'read', element: type },
      targets: { access: 'read', element: 'i32' },
      partial: { access: 'write', element: 'vec2<f32>' },
      picked: { access: 'write', element: 'f32' },
    },
    workgroupSize: [work.size, 1, 1],
    subgroups: work.subgroups,
    shader: async () => (await import('./cross-entropy.wgsl.ts')).crossEntropySegment(way, vectors, workgroupSize),
  });
});

const mergeSize = 8;

const mergeKernel = defineKernel({
  name: 'cross-entropy-merge',
  params: { rows: 'u32', segments: 'u32' },
  bindings: {
    partial: { access: 'read', element: 'vec2<f32>' },
    picked: { access: 'read', element: 'f32' },
    log_sum: { access: 'write', element: 'f32' },
    nll: { access: 'write', element: 'f32' },
  },
  workgroupSize: [mergeSize, 1, 1],
  shader: async () => (await import('./cross-entropy.wgsl.ts')).crossEntropyMerge,
});

export function crossEntropy(
  runner: KernelRunner,
  { logits, targets, nll, logSumExp }: CrossEntropyArguments,
  together = !runner.traits.software,
): void {
  const [rows = 0, width = 0] = logits.shape;
  const length = together ? togetherLength : aloneLength;
  for (const { first, count } of rowRuns(runner, rows, width)) {
    // Columns of a row longer than a binding; else all of them.
    const columns = rowRuns(runner, width, count);
    const each = columns[0]?.count ?? width;
    const segments = columns.reduce((sum, run) => sum + Math.ceil(run.count / length), 0);
    runner.withScratch([count, segments, 2], (partial) =>
      runner.withScratch([count], (picked) => {
        for (const run of columns) {
          const view = blockOf(logits, first, count, run);
          const vectors = canUseVectors(runner, run.count, view);
          const unit = vectors ? 4 : 1;
          const own = Math.ceil(run.count / length);
          const way = rowWayOf(runner, together, workgroupSize);
          const work = rowWork(way, workgroupSize);
          runner.run(segmentKernels(way, vectors), {
            bindings: { logits: view, targets: rowsOf(targets, first, count), partial, picked },
            params: {
              rows: count * own,
              segments: own,
              width: run.count / unit,
              length: length / unit,
              column: run.first,
              segment: (run.first / each) * Math.ceil(each / length),
              all_segments: segments,
            },
            workgroups: gridOf(rowInvocations(work, count * own), work.size),
            flops: 6 * count * run.count,
          });
        }
        runner.run(mergeKernel, {
          bindings: {
            partial,
            picked,
            log_sum: sliceOf(logSumExp, first, count),
            nll: sliceOf(nll, first, count),
          },
          params: { rows: count, segments },
          workgroups: gridOf(count, mergeSize),
          flops: 4 * count * segments,
        });
      }),
    );
  }
}
