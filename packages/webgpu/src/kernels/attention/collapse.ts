/**
 * Values of a table collapse: instead of gathering w rows for every entry of a block, its weights are summed by row, and
 * each row that occurs is read once:
 *
 *     Σ_i a_i · scale_i · Σ_j V[row(slot(i − j), j)]  =  Σ_row W[row] · V[row],    W[row] = Σ_{i, j: row(slot(i − j), j) = row} a_i · scale_i
 *
 * Three small kernels make W [T·H, R] of the block's weights, R being all rows of the table (one zero per row that does not
 * occur); values.ts multiplies it with the rows as with a cache of R entries. Sums are the same every time, in whatever
 * order invocations add: fixed point in two atomic words, 2^-32 of the block's largest possible weight apart, so that 16,384
 * weights lose no more than adding them in f32 does.
 *
 * Bytes for n entries of U distinct ids: gathered w·n·G·C numbers; collapsed w·U·G·C, and for each query and head 4·n of
 * weights, 16·w·n of sums (two words read and written) and 24·R to clear, convert and read W. It is chosen where these are
 * at most three quarters, U taken for what n draws from the table's slots at random give (text repeats more).
 */

import type { ContextView, TensorView } from '@inattention/core';
import { defineKernel, kernelFamily } from '../../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../../execution/kernel-runner.ts';
import { fill } from '../fill.ts';
import { sliceOf } from '../pieces.ts';
import { type RowWay, rowInvocations, rowWayOf, rowWork } from '../wgsl/row-work.ts';
import type { Block } from './block-scores.ts';
import { type Segments, scratchNumbersOf } from './blocks.ts';

/** Entries of a block from which on the dispatches pay, and those that a word's sum has room for. */
const leastEntries = 2048;
const mostEntries = 1 << 14;

const size = 64;

const boundsKernel = kernelFamily((way: RowWay, scaled: boolean) => {
  const work = rowWork(way, size);
  return defineKernel({
    name: 'attend-collapse-bounds',
    variant: `${way} ${scaled}`,
    params: { rows: 'u32', count: 'u32', scales_from: 'u32', segments: 'u32', parts: 'u32' },
    bindings: {
      entries: { access: 'read', element: 'u32' },
      statistics: { access: 'read', element: 'vec2<f32>' },
      factors: { access: 'write', element: 'f32' },
      collapsed: { access: 'write', element: 'vec2<f32>' },
    },
    workgroupSize: [work.size, 1, 1],
    subgroups: work.subgroups,
    shader: async () => (await import('./collapse.wgsl.ts')).bounds(way, size, scaled),
  });
});

const addKernel = kernelFamily((window: number, scaled: boolean) =>
  defineKernel({
    name: 'attend-collapse-add',
    variant: `${window} ${scaled}`,
    params: {
      count: 'u32',
      segment: 'u32',
      segments: 'u32',
      ahead: 'u32', // slots in `entries` before that of the block's entry 0
      scales_from: 'u32',
      table_rows: 'u32',
      size: 'u32', // T · H · R
    },
    bindings: {
      weights: { access: 'read', element: 'f32' },
      entries: { access: 'read', element: 'u32' },
      factors: { access: 'read', element: 'f32' },
      sums: { access: 'write', element: 'atomic<i32>' },
    },
    workgroupSize: [size, 1, 1],
    shader: async () => (await import('./collapse.wgsl.ts')).add(window, scaled),
  }),
);

const convertKernel = defineKernel({
  name: 'attend-collapse-convert',
  params: { segments: 'u32', table_rows: 'u32', size: 'u32' },
  bindings: { factors: { access: 'read', element: 'f32' }, sums: { access: 'write', element: 'i32' } },
  workgroupSize: [size, 1, 1],
  shader: async () => (await import('./collapse.wgsl.ts')).convert(),
});

/** Rows of a view's table. */
export function tableRows({ rows: { pages, rowsPerPage } }: ContextView): number {
  const last = pages.at(-1);
  return last === undefined ? 0 : (pages.length - 1) * rowsPerPage + (last.values.shape[0] as number);
}

/** Whether the values of a block of `entries` entries are to be collapsed for `queryRows` queries and heads. */
export function collapses(runner: KernelRunner, view: ContextView, queryRows: number, entries: number): boolean {
  if (view.index === null || view.positionRows !== null || entries < leastEntries || entries > mostEntries)
    return false;
  const rows = tableRows(view);
  if (2 * queryRows * rows > scratchNumbersOf(runner)) return false;
  const { window, kvHeads, headDim } = view;
  const slots = rows / window;
  const distinct = slots * (1 - Math.exp(-entries / slots));
  const rowBytes = window * kvHeads * headDim * (view.rows.pages[0]?.values.dtype === 'f16' ? 2 : 4);
  const sums = queryRows * (entries * (4 + 16 * window) + 24 * rows);
  return sums + distinct * rowBytes <= 0.75 * entries * rowBytes;
}

/** What the rows of a table are weighed with. */
export interface Collapsed {
  /** The table as a cache whose entries are its rows. */
  readonly block: Block;
  /** [T·H, R] */
  readonly weights: TensorView;
}

/**
 * Weights by row, of a block's weights [T·H, n] and their statistics [segments, T·H, 2]; `parts` statistics [parts, T·H, 2]
 * that give as many segments of rows together the block's maximum and sum are written to `statistics`.
 */
export function collapseWeights(
  runner: KernelRunner,
  { view, from, to, places, entries }: Block,
  given: { readonly weights: TensorView; readonly statistics: TensorView; readonly segments: Segments },
  parts: { readonly count: number; readonly statistics: TensorView },
  together: boolean,
  work: (collapsed: Collapsed) => void,
): void {
  const [queryRows = 0] = given.weights.shape;
  const rows = tableRows(view);
  const total = queryRows * rows;
  const count = to - from;
  const segments = given.segments.count;
  const scaled = view.scale !== null;
  const slots = entries as TensorView; // views with an index have entries
  runner.withScratch([queryRows, segments + 1], (factors) =>
    runner.withScratch([2, total], (sums) => {
      fill(runner, { out: sums, value: 0 });
      const way = rowWayOf(runner, together, size);
      const rowsOfWork = rowWork(way, size);
      runner.run(boundsKernel(way, scaled), {
        bindings: { entries: slots, statistics: given.statistics, factors, collapsed: parts.statistics },
        params: { rows: queryRows, count, scales_from: places.scalesFrom, segments, parts: parts.count },
        workgroups: gridOf(rowInvocations(rowsOfWork, queryRows), rowsOfWork.size),
      });
      runner.run(addKernel(view.window, scaled), {
        bindings: { weights: given.weights, entries: slots, factors, sums },
        params: {
          count,
          segment: given.segments.length,
          segments,
          ahead: places.ahead,
          scales_from: places.scalesFrom,
          table_rows: rows,
          size: total,
        },
        workgroups: [Math.ceil(count / size), queryRows],
        flops: 8 * queryRows * count,
        bytes: queryRows * count * (4 + 16 * view.window),
      });
      runner.run(convertKernel, {
        bindings: { factors, sums },
        params: { segments, table_rows: rows, size: total },
        workgroups: gridOf(total, size),
        flops: 3 * total,
        bytes: 12 * total,
      });
      const cache = { ...view, length: rows, firstPosition: 0, window: 1, index: null, scale: null, rope: null };
      const none = { ahead: 0, scalesFrom: 0, words: 0 };
      work({
        block: { view: cache, from: 0, to: rows, places: none, entries: null, angles: null },
        weights: { ...sliceOf(sums, 0, total), shape: [queryRows, rows] },
      });
    }),
  );
}
