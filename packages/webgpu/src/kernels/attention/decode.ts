/**
 * Attention over blocks of entries of any view, in steps that are linear in the rows, so that these may lie in any
 * number of buffers: slots, scales and angles of the block (entries.ts), scores (scores.ts), their softmax by segments
 * (softmax.ts), weighted values (values.ts), and the exact merge with the blocks before (merge.ts). It is the way of few
 * queries on every device, and of many on those where workgroup memory is slow.
 *
 * Where ids of a table repeat enough, values are collapsed by row (collapse.ts).
 *
 * Scratch does not depend on the length of the context: up to 4 MiB each of scores, partial outputs, angles and sums by row.
 */

import type { AttendArguments, TensorView } from '@inattention/core';
import { gridOf, type KernelRunner } from '../../execution/kernel-runner.ts';
import { rowsOf } from '../pieces.ts';
import { rowInvocations, rowWayOf, rowWork } from '../wgsl/row-work.ts';
import { type Block, type QueryTile, rowCost, rowDispatches, scoreBlock, tileOf, withBlock } from './block-scores.ts';
import { cutAttention, cutBlock, type Segments, sharingRows } from './blocks.ts';
import { collapses, collapseWeights, tableRows } from './collapse.ts';
import { mergePartials } from './merge.ts';
import { softmaxKernel, softmaxSize } from './softmax.ts';
import { valueGroups, valuesKernel } from './values.ts';

type State = Pick<AttendArguments, 'out' | 'max' | 'sum'>;

export function attendByBlocks(runner: KernelRunner, args: AttendArguments, together: boolean): void {
  const { queries, context: view, from, to, out, max, sum } = args;
  const [count, heads] = queries.shape as readonly [number, number, number];
  const cutting = cutAttention(runner, view, count, heads);
  for (let start = 0; start < count; start += cutting.queries) {
    const length = Math.min(cutting.queries, count - start);
    const tile = tileOf(args, start, length);
    const part = (state: TensorView) => rowsOf(state, start, length);
    const state = { out: part(out), max: part(max), sum: part(sum) };
    if (from === to && !args.accumulate) attendNothing(runner, state, together);
    for (let first = from; first < to; first += cutting.entries) {
      const range = { from: first, to: Math.min(to, first + cutting.entries), rotated: true };
      const accumulates = args.accumulate || first > from;
      withBlock(runner, view, range, (block) => attendBlock(runner, block, tile, state, accumulates, together));
    }
  }
}

function attendBlock(
  runner: KernelRunner,
  block: Block,
  tile: QueryTile,
  state: State,
  accumulates: boolean,
  together: boolean,
): void {
  const { view, from, to } = block;
  const [count, heads, headDim] = tile.queries.shape as readonly [number, number, number];
  const rows = count * heads;
  const entries = to - from;
  const shares = Math.ceil(rows / view.kvHeads / sharingRows(rows / view.kvHeads));
  const segments = cutBlock(runner, entries, view.kvHeads * shares, rows * headDim);
  const merge = (partials: TensorView, statistics: TensorView, parts: number) =>
    mergePartials(runner, { partials, statistics, segments: parts, accumulates, rows, headDim, ...state }, together);
  runner.withScratch([rows, entries], (weights) =>
    runner.withScratch([segments.count, rows, 2], (statistics) => {
      scoreBlock(runner, block, tile, weights, together);
      softmaxBlock(runner, block, tile, segments, { scores: weights, statistics }, together);
      if (collapses(runner, view, rows, entries)) {
        attendCollapsed(runner, block, tile, { weights, statistics, segments }, merge, together);
        return;
      }
      runner.withScratch([segments.count, rows, headDim], (partials) => {
        weighValues(runner, block, tile, segments, { weights, partials }, together);
        merge(partials, statistics, segments.count);
      });
    }),
  );
}

/** Values by rows of the table instead of by entries (collapse.ts); the block's softmax is in `weights`. */
function attendCollapsed(
  runner: KernelRunner,
  block: Block,
  tile: QueryTile,
  weighed: { readonly weights: TensorView; readonly statistics: TensorView; readonly segments: Segments },
  merge: (partials: TensorView, statistics: TensorView, segments: number) => void,
  together: boolean,
): void {
  const [count, heads, headDim] = tile.queries.shape as readonly [number, number, number];
  const rows = count * heads;
  const { kvHeads } = block.view;
  const shares = Math.ceil(rows / kvHeads / sharingRows(rows / kvHeads));
  const segments = cutBlock(runner, tableRows(block.view), kvHeads * shares, rows * headDim);
  runner.withScratch([segments.count, rows, 2], (statistics) =>
    runner.withScratch([segments.count, rows, headDim], (partials) =>
      collapseWeights(runner, block, weighed, { count: segments.count, statistics }, together, (collapsed) => {
        weighValues(runner, collapsed.block, tile, segments, { weights: collapsed.weights, partials }, together);
        merge(partials, statistics, segments.count);
      }),
    ),
  );
}

function softmaxBlock(
  runner: KernelRunner,
  { view, from, to }: Block,
  { queries, positions }: QueryTile,
  segments: Segments,
  bindings: { readonly scores: TensorView; readonly statistics: TensorView },
  together: boolean,
): void {
  const [count, heads] = queries.shape as readonly [number, number, number];
  const rows = segments.count * count * heads;
  const way = rowWayOf(runner, together, softmaxSize);
  const work = rowWork(way, softmaxSize);
  runner.run(softmaxKernel(way), {
    bindings: { ...bindings, positions },
    params: {
      rows,
      query_rows: count * heads,
      heads,
      count: to - from,
      segment: segments.length,
      first_position: view.firstPosition + from,
    },
    workgroups: gridOf(rowInvocations(work, rows), work.size),
    flops: 4 * count * heads * (to - from),
  });
}

/** Elements of a head to an invocation that works alone. */
const mostElements = 4;

function weighValues(
  runner: KernelRunner,
  block: Block,
  { queries }: QueryTile,
  segments: Segments,
  bindings: { readonly weights: TensorView; readonly partials: TensorView },
  together: boolean,
): void {
  const { view, from, to } = block;
  const { kvHeads, headDim } = view;
  const [count, heads] = queries.shape as readonly [number, number, number];
  const group = heads / kvHeads;
  const rows = sharingRows(count * group);
  const shares = Math.ceil((count * group) / rows);
  for (const dispatch of rowDispatches(runner, block, 'values', 2, 4)) {
    const elements = largestDivisor(headDim / dispatch.shape.lanes, mostElements);
    const shape = { ...dispatch.shape, together, rows, elements };
    const first = Math.floor(dispatch.entry / segments.length);
    const reached = Math.ceil((dispatch.entry + dispatch.count) / segments.length) - first;
    runner.run(valuesKernel(shape), {
      bindings: { ...dispatch.bindings, ...bindings },
      params: {
        ...dispatch.params,
        entry: dispatch.entry,
        count: dispatch.count,
        stride: to - from,
        first_segment: first,
        segment: segments.length,
        query_rows: count * group,
        all_rows: count * heads,
        heads,
        group,
        adds: dispatch.adds ? 1 : 0,
      },
      workgroups: [valueGroups(shape, reached, headDim / shape.lanes), kvHeads, shares],
      flops: 2 * count * heads * dispatch.count * headDim,
      ...rowCost(dispatch, kvHeads * headDim, shares, {
        // Weights, for each invocation's elements of a head; partial sums.
        scalars: (dispatch.count * count * heads * headDim) / shape.lanes / (together ? 1 : elements),
        vectors: (reached * count * heads * headDim) / shape.lanes,
      }),
    });
  }
}

function attendNothing(runner: KernelRunner, state: State, together: boolean): void {
  const [count, heads, headDim] = state.out.shape as readonly [number, number, number];
  const rows = count * heads;
  runner.withScratch([1], (partials) =>
    runner.withScratch([2], (statistics) =>
      mergePartials(
        runner,
        { partials, statistics, segments: 0, accumulates: false, rows, headDim, ...state },
        together,
      ),
    ),
  );
}

function largestDivisor(number: number, most: number): number {
  let divisor = Math.min(number, most);
  while (number % divisor !== 0) divisor -= 1;
  return divisor;
}
