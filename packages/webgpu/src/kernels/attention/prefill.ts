/**
 * Attention of many queries on real GPUs: tiles.ts over pages of a KV cache where they lie, or over blocks of entries
 * that are made dense first (expand.ts), in scratch of up to 4 MiB each for keys and values, whatever T and N.
 */

import type { AttendArguments, ContextView, PagedRows, TensorView } from '@inattention/core';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { rowsOf } from '../pieces.ts';
import { withBlock } from './block-scores.ts';
import { scratchNumbersOf } from './blocks.ts';
import { expandBlock } from './expand.ts';
import { attendTiles, tileQueries } from './tiles.ts';

/** Entries of a block at most. */
const mostEntries = 2048;

export function attendByTiles(runner: KernelRunner, args: AttendArguments): void {
  const { context: view, from, to } = args;
  const width = view.kvHeads * view.headDim;
  const step = Math.max(1, Math.min(mostEntries, Math.floor(scratchNumbersOf(runner) / width)));
  const dense = readsInPlace(view);
  for (let start = from; start < to; ) {
    const fresh = start === from && !args.accumulate;
    const end = Math.min(to, start + step, dense ? endOfPage(view.rows, start) : to);
    const run = (keys: TensorView, values: TensorView) =>
      attendDense(runner, args, { keys, values, firstPosition: view.firstPosition + start, fresh });
    if (dense) {
      const page = view.rows.pages[Math.floor(start / view.rows.rowsPerPage)] as PagedRows['pages'][number];
      const row = start % view.rows.rowsPerPage;
      run(rowsOf(page.keys, row, end - start), rowsOf(page.values, row, end - start));
    } else {
      withBlock(runner, view, { from: start, to: end, rotated: true }, (block) => {
        const shape = [end - start, view.kvHeads, view.headDim];
        runner.withScratch(shape, (keys) =>
          runner.withScratch(shape, (values) => {
            expandBlock(runner, block, 'keys', keys);
            expandBlock(runner, block, 'values', values);
            run(keys, values);
          }),
        );
      });
    }
    start = end;
  }
}

/** Whether entry i's key and value are row i as it is stored, in f32. */
function readsInPlace({ rows, index, scale, window, positionRows, rope }: ContextView): boolean {
  const plain = index === null && scale === null && window === 1 && positionRows === null && rope === null;
  return plain && rows.pages[0]?.keys.dtype === 'f32';
}

const endOfPage = ({ rowsPerPage }: PagedRows, row: number): number =>
  (Math.floor(row / rowsPerPage) + 1) * rowsPerPage;

interface DenseEntries {
  readonly keys: TensorView;
  readonly values: TensorView;
  readonly firstPosition: number;
  /** The state begins with these entries. */
  readonly fresh: boolean;
}

/** A dispatch for each run of queries that keeps it short, and its queries and outputs within a binding. */
function attendDense(runner: KernelRunner, args: AttendArguments, { fresh, ...entries }: DenseEntries): void {
  const { queries, positions, slopes, scale, out, max, sum } = args;
  const [count, heads, headDim] = queries.shape as readonly [number, number, number];
  const byWork = runner.traits.dispatch.flops / (4 * heads * headDim * (entries.keys.shape[0] as number));
  const byBinding = scratchNumbersOf(runner) / (heads * headDim);
  const most = Math.min(byWork, byBinding);
  const step = Math.max(1, most >= tileQueries ? Math.floor(most / tileQueries) * tileQueries : Math.floor(most));
  for (let first = 0; first < count; first += step) {
    const part = (view: TensorView) => rowsOf(view, first, Math.min(step, count - first));
    attendTiles(runner, {
      ...entries,
      queries: part(queries),
      positions: part(positions),
      slopes,
      scale,
      accumulate: !fresh,
      out: part(out),
      max: part(max),
      sum: part(sum),
    });
  }
}
