/**
 * attendWeights: the attention weights of one query, out [H, to − from] = exp(score − logSumExp), 0 where unseen. Scores
 * of a block of entries go to scratch (scores.ts), from there weights to their columns of `out`: 8 bytes a weight beside
 * the rows that scores are made of.
 */

import type { AttendWeightsArguments, TensorView } from '@inattention/core';
import { defineKernel } from '../../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../../execution/kernel-runner.ts';
import { bindingAlignment } from '../../memory/slabs.ts';
import { rowsOf, sliceOf } from '../pieces.ts';
import { scoreBlock, withBlock } from './block-scores.ts';
import { cutAttention } from './blocks.ts';
import { positionsBinding } from './scores.ts';

const size = 64;

const weightsOfScores = defineKernel({
  name: 'attend-weights',
  params: {
    rows: 'u32', // heads
    count: 'u32', // entries of the block
    stride: 'u32', // of rows of `out`
    first_position: 'i32', // of the block
  },
  bindings: {
    positions: positionsBinding,
    scores: { access: 'read', element: 'f32' },
    log_sum_exp: { access: 'read', element: 'f32' },
    out: { access: 'write', element: 'f32' },
  },
  workgroupSize: [size, 1, 1],
  main: ({ positions, scores, log_sum_exp, out }) => `
  if (index >= params.rows * params.count) { return; }
  let row = index / params.count;
  let entry = index - row * params.count;
  var weight = 0.0;
  if (i32(entry) <= ${positions}[0].x - params.first_position) {
    weight = exp(${scores}[params.scores_at + index] - ${log_sum_exp}[params.log_sum_exp_at + row]);
  }
  ${out}[params.out_at + row * params.stride + entry] = weight;`,
});

export function attendWeights(
  runner: KernelRunner,
  args: AttendWeightsArguments,
  together = !runner.traits.software,
): void {
  const { queries, positions, context: view, from, to, logSumExp, out } = args;
  const heads = queries.shape[1] as number;
  // A row of a block's weights is to fit a binding, wherever it begins.
  const fitting = Math.floor((runner.traits.maxBindingBytes - bindingAlignment) / 4);
  const step = Math.min(cutAttention(runner, view, 1, heads).entries, fitting);
  for (let first = from; first < to; first += step) {
    const last = Math.min(to, first + step);
    const count = last - first;
    withBlock(runner, view, { from: first, to: last, rotated: true }, (block) =>
      runner.withScratch([heads, count], (scores) => {
        scoreBlock(runner, block, args, scores, together);
        for (const { rows, target } of targets(runner, out, heads, first - from, count)) {
          runner.run(weightsOfScores, {
            bindings: {
              positions,
              scores: rowsOf(scores, rows.first, rows.count),
              log_sum_exp: sliceOf(logSumExp, rows.first, rows.count),
              out: target,
            },
            params: {
              rows: rows.count,
              count,
              stride: to - from,
              first_position: view.firstPosition + first,
            },
            workgroups: gridOf(rows.count * count, size),
            bytes: 8 * rows.count * count,
          });
        }
      }),
    );
  }
}

/** Columns [column, column + count) of `out`: of all rows at once where a binding reaches them, else row by row. */
function targets(runner: KernelRunner, out: TensorView, heads: number, column: number, count: number) {
  const stride = out.shape[1] as number;
  if (runner.fits(out)) {
    const target = sliceOf(out, column, (heads - 1) * stride + count);
    return [{ rows: { first: 0, count: heads }, target }];
  }
  return Array.from({ length: heads }, (_, h) => ({
    rows: { first: h, count: 1 },
    target: sliceOf(out, h * stride + column, count),
  }));
}
