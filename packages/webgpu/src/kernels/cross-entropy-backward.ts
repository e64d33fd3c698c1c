/**
 * crossEntropyBackward: gradLogits[r, v] = gradNll[r] · (exp(logits[r, v] − logSumExp[r]) − [v = targets[r]]), rows
 * [n, V] of any length; gradLogits may be the logits. A line of workgroups to a row, four logits to an invocation (as a
 * vector, or a workgroup apart); memory-bound (8 bytes per logit). A row longer than a binding is worked on in parts.
 */

import type { CrossEntropyBackwardArguments } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { blockOf, rowRuns, rowsOf, sliceOf } from './pieces.ts';
import { canUseVectors, elementsOf } from './wgsl/elements.ts';

const size = 64;

/** Of a dispatch: rows are its second dimension. */
const mostRows = 65_532;

/** Elements of an invocation. */
const eachOf = (vectors: boolean) => (vectors ? 1 : 4);

const kernels = kernelFamily((vectors: boolean) => {
  const { type: element } = elementsOf(vectors);
  return defineKernel({
    name: 'cross-entropy-backward',
    variant: element,
    params: { width: 'u32', column: 'u32' },
    bindings: {
      logits: { access: 'read', element },
      targets: { access: 'read', element: 'i32' },
      log_sum: { access: 'read', element: 'f32' },
      grad: { access: 'read', element: 'f32' },
      out: { access: 'write', element },
    },
    workgroupSize: [size, 1, 1],
    shader: async () =>
      (await import('./cross-entropy-backward.wgsl.ts')).crossEntropyBackward(vectors, size, eachOf(vectors)),
  });
});

export function crossEntropyBackward(
  runner: KernelRunner,
  { logits, targets, logSumExp, gradNll, gradLogits }: CrossEntropyBackwardArguments,
): void {
  const [rows = 0, width = 0] = logits.shape;
  for (const { first, count } of rowRuns(
    runner,
    rows,
    width,
    Math.min(runner.traits.dispatch.bytes / 8, mostRows * width),
  )) {
    for (const columns of rowRuns(runner, width, count)) {
      const [view, out] = [blockOf(logits, first, count, columns), blockOf(gradLogits, first, count, columns)];
      const vectors = canUseVectors(runner, columns.count, view, out);
      const length = vectors ? columns.count / 4 : columns.count;
      runner.run(kernels(vectors), {
        bindings: {
          logits: view,
          targets: rowsOf(targets, first, count),
          log_sum: sliceOf(logSumExp, first, count),
          grad: sliceOf(gradNll, first, count),
          out,
        },
        params: { width: length, column: columns.first },
        workgroups: [Math.ceil(length / (size * eachOf(vectors))), count],
        flops: 4 * count * columns.count,
      });
    }
  }
}
