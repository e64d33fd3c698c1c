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
const mostLogits = 1 << 24;

/** Elements of an invocation. */
const eachOf = (vectors: boolean) => (vectors ? 1 : 4);

const kernels = kernelFamily((vectors: boolean) => {
  const { type: element, width } = elementsOf(vectors);
  const each = eachOf(vectors);
  const one = vectors
    ? 'vec4<f32>(vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(target_at))'
    : 'f32(column == target_at)';
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
    main: ({ logits, targets, log_sum, grad, out }) => `
  let row = group.y;
  let start = row * params.width;
  let target_at = u32(${targets}[params.targets_at + row]);
  let weight = ${grad}[params.grad_at + row];
  let shift = ${log_sum}[params.log_sum_at + row];
  let first = group.x * ${size * each}u + lane;
  for (var place = first; place < min(params.width, first + ${size * each}u); place += ${size}u) {
    let column = place * ${width}u + params.column;
    let softmax = exp(${logits}[params.logits_at + start + place] - shift);
    ${out}[params.out_at + start + place] = weight * (softmax - ${one});
  }`,
  });
});

export function crossEntropyBackward(
  runner: KernelRunner,
  { logits, targets, logSumExp, gradNll, gradLogits }: CrossEntropyBackwardArguments,
): void {
  const [rows = 0, width = 0] = logits.shape;
  for (const { first, count } of rowRuns(runner, rows, width, Math.min(mostLogits, mostRows * width))) {
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
