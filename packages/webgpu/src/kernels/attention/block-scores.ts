/**
 * The steps that attention and its weights share: a block's slots, scales and angles, and its scores in scratch. Rows
 * of a view come from one or two lists of pages: the slots' and the positions'.
 */

import type { AttendArguments, ContextView, PagedRows, TensorView } from '@inattention/core';
import type { Traffic } from '../../execution/commands.ts';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { rowsOf } from '../pieces.ts';
import { sharingRows } from './blocks.ts';
import { type EntryPlaces, entryPlaces, gatherAngles, gatherEntries } from './entries.ts';
import { type RowShape, rowArguments } from './row-reading.ts';
import { type RowLayout, type RowPass, rowLayout, rowPasses } from './row-windows.ts';
import { scoreEntries, scoresKernel, slopeVectorsOf } from './scores.ts';

/** Storage bindings that every device has. */
const storageBindings = 8;

/** Windows of rows bound at most. */
const mostWindows = 4;

/** Entries [from, to) of a view, with what is gathered for them. */
export interface Block {
  readonly view: ContextView;
  readonly from: number;
  readonly to: number;
  readonly places: EntryPlaces;
  /** Slots and scales; null where the view has neither. */
  readonly entries: TensorView | null;
  /** [n, C/2, 2]; null without rope. */
  readonly angles: TensorView | null;
}

/** Runs `work` with a block's slots, scales and angles. */
export function withBlock(
  runner: KernelRunner,
  view: ContextView,
  range: { readonly from: number; readonly to: number; readonly rotated: boolean },
  work: (block: Block) => void,
): void {
  const { from, to } = range;
  const count = to - from;
  const places = entryPlaces(view, count);
  const withAngles = (entries: TensorView | null): void => {
    const { rope } = view;
    if (rope === null || !range.rotated) {
      work({ view, from, to, places, entries, angles: null });
      return;
    }
    runner.withScratch([count, view.headDim / 2, 2], (angles) => {
      gatherAngles(runner, rope, view.firstPosition + from, count, angles);
      work({ view, from, to, places, entries, angles });
    });
  };
  if (places.words === 0) {
    withAngles(null);
    return;
  }
  runner.withScratch([places.words], (entries) => {
    gatherEntries(runner, view, from, to, entries);
    withAngles(entries);
  });
}

/** A dispatch over rows of a block. */
export interface RowDispatch {
  readonly shape: RowShape;
  /** Whether it adds to what earlier dispatches wrote for the same entries. */
  readonly adds: boolean;
  /** Entries of the block. */
  readonly entry: number;
  readonly count: number;
  readonly params: Readonly<Record<string, number>>;
  readonly bindings: Readonly<Record<string, TensorView | Uint32Array>>;
}

/**
 * The dispatches that reach the keys or values of a block. `bound`: storage bindings the kernel has besides the rows,
 * table and entries; `lanes`: 1 where the kernel's other views do not allow vectors.
 */
export function rowDispatches(
  runner: KernelRunner,
  block: Block,
  part: 'keys' | 'values',
  bound: number,
  lanes: 1 | 4,
): RowDispatch[] {
  const { view, from, to, places, entries } = block;
  const most = Math.min(mostWindows, storageBindings - bound - 1 - (entries === null ? 0 : 1));
  const dispatches: RowDispatch[] = [];
  const add = (rows: PagedRows, window: number, indexed: boolean, later: boolean) => {
    const layout = rowLayout(runner, rows, part);
    const consecutive = !indexed && window === 1;
    const shape = {
      lanes: Math.min(lanes, layout.lanes) as 1 | 4,
      half: layout.half,
      window,
      indexed,
      scaled: view.scale !== null,
      cut: layout.piecesPerPage > 1,
    };
    // Software adapters choose between windows slowly: there a dispatch is for those entries that lie in one.
    const bound = consecutive && runner.traits.software ? 1 : most;
    rowPasses(layout, { from, to, consecutive }, bound).forEach((pass, number) => {
      dispatches.push({
        shape: {
          ...shape,
          windows: pass.windows.length === 1 ? 1 : most,
          direct: consecutive && pass.windows.length === 1,
        },
        adds: later || (number > 0 && !consecutive),
        entry: pass.from - from,
        count: pass.to - pass.from,
        ...dispatchArguments(layout, pass, view, from, places, entries, shape.lanes, most),
      });
    });
  };
  add(view.rows, view.window, view.index !== null, false);
  if (view.positionRows !== null) add(view.positionRows, 1, false, true);
  return dispatches;
}

function dispatchArguments(
  layout: RowLayout,
  pass: RowPass,
  view: ContextView,
  from: number,
  places: EntryPlaces,
  entries: TensorView | null,
  lanes: 1 | 4,
  most: number,
): Pick<RowDispatch, 'params' | 'bindings'> {
  const { params, bindings } = rowArguments(layout, pass, most);
  return {
    params: {
      ...params,
      kv_heads: view.kvHeads,
      head_size: view.headDim / lanes,
      first_entry: from,
      ahead: places.ahead,
      scales_from: places.scalesFrom,
    },
    bindings: { ...bindings, ...(entries !== null && { entries }) },
  };
}

/**
 * Bytes of rows [n, `width`] that a dispatch has to read at least, and what it loads and stores: its rows for each of
 * `shares` groups of queries, and other scalars and vectors of f32.
 */
export function rowCost(
  { shape: { window, lanes, half }, count }: RowDispatch,
  width: number,
  shares: number,
  { scalars, vectors }: { readonly scalars: number; readonly vectors: number },
): { readonly bytes: number; readonly traffic: Traffic } {
  const numbers = count * window * width;
  const bytes = numbers * (half ? 2 : 4);
  const span = half && lanes === 4 ? 2 : lanes; // four halves are two words
  return {
    bytes,
    traffic: {
      accesses: (shares * numbers) / span + scalars + vectors,
      bytes: shares * bytes + 4 * scalars + 4 * lanes * vectors,
    },
  };
}

/** Queries that are scored together: at most 64. */
export type QueryTile = Pick<AttendArguments, 'queries' | 'positions' | 'slopes' | 'scale'>;

/** Queries [start, start + count) of several. */
export function tileOf(args: QueryTile, start: number, count: number): QueryTile {
  const { queries, positions, slopes, scale } = args;
  return { queries: rowsOf(queries, start, count), positions: rowsOf(positions, start, count), slopes, scale };
}

/** Scores of a block into `scores` [T·H, n]. */
export function scoreBlock(
  runner: KernelRunner,
  block: Block,
  { queries, positions, slopes, scale }: QueryTile,
  scores: TensorView,
  together: boolean,
): void {
  const { view, from, to, angles } = block;
  const { kvHeads, headDim, firstPosition } = view;
  const [count, heads] = queries.shape as readonly [number, number, number];
  const group = heads / kvHeads;
  const rows = sharingRows(count * group);
  const shares = Math.ceil((count * group) / rows);
  const rotated = angles !== null;
  const vectors = runner.aligned(queries) && headDim % (rotated ? 8 : 4) === 0;
  const slopeVectors = slopeVectorsOf(slopes);
  for (const dispatch of rowDispatches(runner, block, 'keys', rotated ? 3 : 2, vectors ? 4 : 1)) {
    const perWorkgroup = together ? scoreEntries.together : scoreEntries.alone;
    runner.run(scoresKernel({ ...dispatch.shape, together, rows, rotated, slopeVectors }), {
      bindings: {
        ...dispatch.bindings,
        queries,
        positions,
        scores,
        ...(slopes !== null && { slopes }),
        ...(angles !== null && { angles }),
      },
      params: {
        ...dispatch.params,
        entry: dispatch.entry,
        count: dispatch.count,
        stride: to - from,
        query_rows: count * group,
        heads,
        group,
        first_position: firstPosition + from,
        scale,
        adds: dispatch.adds ? 1 : 0,
      },
      workgroups: [Math.ceil(dispatch.count / perWorkgroup), kvHeads, shares],
      flops: 2 * count * heads * dispatch.count * headDim,
      ...rowCost(dispatch, kvHeads * headDim, shares, {
        // Queries and angles, loaded for each key.
        vectors: (shares * dispatch.count * kvHeads * headDim * (rotated ? rows + 1 : rows)) / dispatch.shape.lanes,
        scalars: dispatch.count * count * heads,
      }),
    });
  }
}
