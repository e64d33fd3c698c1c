/**
 * Merges what segments of a block, and with `accumulates` the state so far, have come to:
 *
 *     M = max of maxima      total = Σ_s sum_s · exp(max_s − M)      out = Σ_s exp(max_s − M) · partial_s / total
 *
 * Partials are not normalised, the state is. Nothing seen: lowest f32, 0, 0. A workgroup to a row of queries, or an
 * invocation (software). Reads C + 2 numbers per segment and row.
 */

import type { TensorView } from '@inattention/core';
import { defineKernel, kernelFamily } from '../../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../../execution/kernel-runner.ts';
import { canUseVectors, elementsOf } from '../wgsl/elements.ts';
import { lowestFloat } from './softmax.ts';

const kernels = kernelFamily((together: boolean, lanes: 1 | 4) => {
  const { type } = elementsOf(lanes === 4);
  const size = together ? 64 : 8;
  return defineKernel({
    name: 'attend-merge',
    variant: `${together} ${lanes}`,
    params: { rows: 'u32', segments: 'u32', width: 'u32', accumulates: 'u32' },
    bindings: {
      partials: { access: 'read', element: type },
      statistics: { access: 'read', element: 'vec2<f32>' },
      out: { access: 'write', element: type },
      maxima: { access: 'write', element: 'f32' },
      sums: { access: 'write', element: 'f32' },
    },
    workgroupSize: [size, 1, 1],
    main: ({ partials, statistics, out, maxima, sums }) => `
  let row = ${together ? 'group.y * groups.x + group.x' : 'index'};
  if (row >= params.rows) { return; }
  var before = vec2<f32>(${lowestFloat}, 0.0);
  if (params.accumulates != 0u) {
    before = vec2<f32>(${maxima}[params.maxima_at + row], ${sums}[params.sums_at + row]);
  }
  let first = params.statistics_at + row;
  var maximum = before.x;
  for (var s = 0u; s < params.segments; s++) { maximum = max(maximum, ${statistics}[first + s * params.rows].x); }
  let kept = before.y * exp(before.x - maximum);
  var total = kept;
  for (var s = 0u; s < params.segments; s++) {
    let part = ${statistics}[first + s * params.rows];
    total += part.y * exp(part.x - maximum);
  }
  var factor = 0.0;
  if (total > 0.0) { factor = 1.0 / total; }
  for (var c = ${together ? 'lane' : '0u'}; c < params.width; c += ${together ? size : 1}u) {
    var value = ${type}(0.0);
    if (kept > 0.0) { value = ${out}[params.out_at + row * params.width + c] * kept; }
    for (var s = 0u; s < params.segments; s++) {
      let part = ${statistics}[first + s * params.rows];
      if (part.y > 0.0) {
        let at = params.partials_at + (s * params.rows + row) * params.width + c;
        value += ${partials}[at] * exp(part.x - maximum);
      }
    }
    ${out}[params.out_at + row * params.width + c] = value * factor;
  }
  ${together ? 'storageBarrier();\n  if (lane > 0u) { return; }' : ''}
  ${maxima}[params.maxima_at + row] = maximum;
  ${sums}[params.sums_at + row] = total;`,
  });
});

export interface MergeArguments {
  /** [segments, rows, C], scratch. */
  readonly partials: TensorView;
  /** [segments, rows, 2], scratch. */
  readonly statistics: TensorView;
  readonly segments: number;
  readonly accumulates: boolean;
  /** [rows, C] */
  readonly out: TensorView;
  /** [rows] */
  readonly max: TensorView;
  /** [rows] */
  readonly sum: TensorView;
  readonly rows: number;
  readonly headDim: number;
}

export function mergePartials(
  runner: KernelRunner,
  { partials, statistics, segments, accumulates, out, max, sum, rows, headDim }: MergeArguments,
  together: boolean,
): void {
  // One binding serves results in one buffer, of one kind of element then.
  const [place, ...others] = [out, max, sum].map((view) => runner.locate(view).allocation);
  const apart = others.every((allocation) => allocation !== place);
  const lanes = apart && canUseVectors(runner, headDim, out, partials) ? 4 : 1;
  const size = together ? 64 : 8;
  runner.run(kernels(together, lanes), {
    bindings: { partials, statistics, out, maxima: max, sums: sum },
    params: { rows, segments, width: headDim / lanes, accumulates: accumulates ? 1 : 0 },
    workgroups: gridOf(together ? rows * size : rows, size),
    flops: 3 * segments * rows * headDim,
  });
}
