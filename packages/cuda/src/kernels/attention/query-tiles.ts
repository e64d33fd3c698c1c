/**
 * Queries in the order in which products want them: those that read one key head together, [G, R · T, C] with R = H / G,
 * so many at a time that their scores stay within a bound.
 */

import type { AttendArguments, TensorView } from '@inattention/core';
import type { Handle } from '../../execution/handle.ts';
import { viewPart } from '../../memory/view-part.ts';
import type { KernelContext } from '../kernel-context.ts';
import { tileScores } from './scratch-bound.ts';

export interface QueryTile {
  /** First query. */
  readonly first: number;
  /** T */
  readonly count: number;
  readonly positions: Int32Array;
}

/** Shapes of one call. */
export interface Heads {
  /** H */
  readonly queries: number;
  /** G */
  readonly groups: number;
  /** R */
  readonly perGroup: number;
  /** C */
  readonly size: number;
}

export function headsOf({ queries, context }: Pick<AttendArguments, 'queries' | 'context'>): Heads {
  const [, heads, size] = queries.shape as readonly [number, number, number];
  return { queries: heads, groups: context.kvHeads, perGroup: heads / context.kvHeads, size };
}

/** Tiles of all queries against blocks of up to `entries`. */
export function queryTiles(positions: Int32Array, heads: number, entries: number): QueryTile[] {
  const step = Math.max(1, Math.floor(tileScores / (heads * Math.max(1, entries))));
  const tiles: QueryTile[] = [];
  for (let first = 0; first < positions.length; first += step) {
    const part = positions.subarray(first, first + step);
    tiles.push({ first, count: part.length, positions: part });
  }
  return tiles;
}

/** Rows of a view [T, H, width] of a tile as [G, R · T, width]. */
export function grouped(
  context: KernelContext,
  view: TensorView,
  { first, count }: Pick<QueryTile, 'first' | 'count'>,
  { queries, groups, perGroup }: Heads,
  width: number,
): Handle {
  const { operations } = context;
  const part = viewPart(view, first * queries * width, [count, queries, width]);
  if (count === 1) return context.words(part, [groups, perGroup, width]);
  const byHead = operations.transpose(context.words(part, [count, queries, width]), [1, 0, 2]); // [H, T, width]
  return operations.reshape(byHead, [groups, perGroup * count, width]);
}

/** The inverse: [G, R · T, width] to [T, H, width], in memory of its own. */
export function ungrouped(
  context: KernelContext,
  tensor: Handle,
  count: number,
  { queries }: Heads,
  width: number,
): Handle {
  const { operations } = context;
  if (count === 1) return tensor; // the same order
  return operations.transpose(operations.reshape(tensor, [queries, count, width]), [1, 0, 2]);
}

/** Puts [T, H, width] of a tile into a view of all queries. */
export function storeTile(
  context: KernelContext,
  view: TensorView,
  { first, count }: QueryTile,
  { queries }: Heads,
  width: number,
  rows: Handle,
): void {
  context.store(viewPart(view, first * queries * width, [count, queries, width]), rows);
}
