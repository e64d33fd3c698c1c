/**
 * Where results are few and `inner` is long, workgroups share `inner` out: each of `splits` sums is a matrix of its own
 * in scratch, and this adds them: out = scale · Σ scratch[split] (+ out). In the order of the splits, so always the same.
 * Extra bytes: 8 per split and result; worth it while a GPU would otherwise be idle.
 */

import type { TensorView } from '@inattention/core';
import { defineKernel, type ParameterType } from '../../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../../execution/kernel-runner.ts';
import { bindingAlignment } from '../../memory/slabs.ts';
import type { Part } from './parts.ts';

const size = 64;

/** Parameters of a kernel that can split: matrices of the batch, and inner indices of one split. */
export const splitParams = {
  batch: 'u32',
  split_length: 'u32',
} as const satisfies Record<string, ParameterType>;

export interface Splitting {
  readonly params: Record<keyof typeof splitParams, number>;
  /** Matrices that are computed: batch × splits, split by split. Along z of the workgroups. */
  readonly matrices: number;
}

const addSplits = defineKernel({
  name: 'matmul-add-splits',
  params: {
    count: 'u32',
    columns: 'u32',
    rows: 'u32',
    splits: 'u32',
    out_step: 'u32',
    out_batch: 'u32',
    scale: 'f32',
    accumulate: 'u32',
  },
  bindings: { sums: { access: 'read', element: 'f32' }, out: { access: 'write', element: 'f32' } },
  workgroupSize: [size, 1, 1],
  main: ({ sums, out }) => `
  if (index >= params.count) { return; }
  var sum = 0.0;
  for (var s = 0u; s < params.splits; s += 1u) { sum += ${sums}[params.sums_at + s * params.count + index]; }
  let row = index / params.columns;
  let at = params.out_at + (row / params.rows) * params.out_batch + (row % params.rows) * params.out_step + index % params.columns;
  var result = params.scale * sum;
  if (params.accumulate != 0u) { result += ${out}[at]; }
  ${out}[at] = result;`,
});

/**
 * Runs `work` on a part: as it is, or in up to `splits` into scratch, and adds up. Splits are multiples of `unit` inner
 * indices long; there are fewer where their sums would not fit a binding.
 */
export function runInSplits(
  runner: KernelRunner,
  part: Part,
  splits: number,
  unit: number,
  work: (part: Part, splitting: Splitting) => void,
): void {
  const { batch, rows, columns, inner, out } = part;
  const results = batch * rows * columns;
  const held = Math.floor((runner.traits.maxBindingBytes - bindingAlignment) / 4 / results);
  const length = Math.ceil(inner / Math.max(1, Math.min(splits, held)) / unit) * unit;
  const count = Math.ceil(inner / length);
  const splitting = { params: { batch, split_length: length }, matrices: batch * count };
  if (count === 1) {
    work(part, splitting);
    return;
  }
  runner.withScratch([count * results], (sums: TensorView) => {
    const target = { view: sums, start: 0, step: columns, batchStep: rows * columns };
    work({ ...part, out: target, scale: 1, accumulate: false }, splitting);
    runner.run(addSplits, {
      bindings: { sums, out: out.view },
      params: {
        count: results,
        columns,
        rows,
        splits: count,
        out_step: out.step,
        out_batch: out.batchStep,
        scale: part.scale,
        accumulate: part.accumulate ? 1 : 0,
      },
      workgroups: gridOf(results, size),
      flops: count * results,
    });
  });
}
