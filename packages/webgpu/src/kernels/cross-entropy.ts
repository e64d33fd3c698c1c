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
import { lowest, rowInvocations, rowWork } from './wgsl/row-work.ts';

const workgroupSize = 256;

/** Logits of a segment: long enough that merging costs nothing beside them, short enough to use cores with few rows. */
const togetherLength = 16_384;
const aloneLength = 2048;

const segmentKernels = kernelFamily((together: boolean, vectors: boolean) => {
  const work = rowWork(together, workgroupSize);
  const { type, width } = elementsOf(vectors);
  // Four logits at a time, so that one exponential in five rescales; those beyond the segment weigh nothing.
  const step = together ? workgroupSize : 1;
  const four = (logits: string) =>
    vectors
      ? `${logits}[start + c]`
      : `vec4<f32>(${[0, 1, 2, 3]
          .map((i) => `select(${lowest}, ${logits}[start + min(c + ${i * step}u, last)], c + ${i * step}u <= last)`)
          .join(', ')})`;
  return defineKernel({
    name: 'cross-entropy',
    variant: `${together} ${type}`,
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
    declarations: work.declarations,
    main: ({ logits, targets, partial, picked }) => `
  ${work.begin}
  let line = row / params.segments;
  let segment = row % params.segments;
  let begin = segment * params.length;
  let to = min(params.width, begin + params.length);
  let start = params.logits_at + line * params.width + begin;
  var most = ${lowest};
  var total = 0.0;
  let last = to - begin - 1u;
  ${work.loop('(to - begin)', vectors ? 1 : 4)} {
    let x = ${four(logits)};
    let next = max(most, max(max(x.x, x.y), max(x.z, x.w)));
    total = total * exp(most - next) + dot(exp(x - next), vec4<f32>(1.0));
    most = next;
  }
  let whole = ${work.max('most')};
  let all = ${work.sum('total * exp(most - whole)')};
  if (${work.writes}) {
    let place = params.partial_at + line * params.all_segments + params.segment + segment;
    ${partial}[place] = vec2<f32>(whole, all);
    let target_at = u32(${targets}[params.targets_at + line]) - params.column;
    if (target_at >= begin * ${width}u && target_at < to * ${width}u) {
      let found = ${logits}[params.logits_at + line * params.width + target_at / ${width}u];
      ${picked}[params.picked_at + line] = found${vectors ? '[target_at % 4u]' : ''};
    }
  }`,
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
  main: ({ partial, picked, log_sum, nll }) => `
  let row = index;
  if (row >= params.rows) { return; }
  let start = params.partial_at + row * params.segments;
  var most = ${lowest};
  for (var s = 0u; s < params.segments; s += 1u) { most = max(most, ${partial}[start + s].x); }
  var total = 0.0;
  for (var s = 0u; s < params.segments; s += 1u) {
    let part = ${partial}[start + s];
    total += part.y * exp(part.x - most);
  }
  let result = most + log(total);
  ${log_sum}[params.log_sum_at + row] = result;
  ${nll}[params.nll_at + row] = result - ${picked}[params.picked_at + row];`,
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
          const work = rowWork(together, workgroupSize);
          runner.run(segmentKernels(together, vectors), {
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
