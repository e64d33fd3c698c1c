/**
 * Gradients of attention over dense keys and values, recomputed from log-sum-exp by blocks of entries and tiles of queries.
 * With p = exp(score − logSumExp) and δ = Σ_c out ∂out of each query:
 *
 *     ∂V = pᵀ ∂out     ∂score = p ⊙ (∂out Vᵀ − δ)     ∂Q = scale · ∂score K     ∂K = scale · ∂scoreᵀ Q
 */

import type { AttendBackwardArguments, ContextView, TensorView } from '@inattention/core';
import type { Handle } from '../../execution/handle.ts';
import { viewPart } from '../../memory/view-part.ts';
import type { AttentionTools } from './attend.ts';
import { maskedScores } from './masked-scores.ts';
import { grouped, type Heads, headsOf, type QueryTile, queryTiles, storeTile, ungrouped } from './query-tiles.ts';
import { expandedRowElements } from './scratch-bound.ts';

/** Entries at a time, at most: with the tile of queries it bounds the scores. */
const maxBlockEntries = 1024;

/** A logSumExp is not below this: exponentials of the unseen stay 0 where a query sees nothing. */
const leastLogSumExp = -1e29;

export function attendBackward(tools: AttentionTools, args: AttendBackwardArguments): void {
  const { context } = tools;
  const { operations, runtime } = context;
  const { keys, queries, gradQueries, gradKeys, gradValues } = args;
  const [entries, groups, size] = keys.shape as readonly [number, number, number];
  const positions = context.integers(args.positions);
  const heads = headsOf({ queries, context: { kvHeads: groups } as ContextView });
  const step = Math.max(16, Math.min(maxBlockEntries, Math.floor(expandedRowElements / (groups * size))));
  const tiles = queryTiles(positions, heads.queries, Math.min(step, entries));
  const towardQueries: (Handle | null)[] = tiles.map(() => null);
  for (let start = 0; start < entries; start += step) {
    const count = Math.min(step, entries - start);
    runtime.scope(() => {
      const block = { start, count, valid: count };
      const rows = (view: TensorView) => byHead(tools, view, start, count);
      const [blockKeys, blockValues] = [rows(keys), rows(args.values)]; // [G, n, C]
      let towardKeys: Handle | null = null;
      let towardValues: Handle | null = null;
      tiles.forEach((tile, place) => {
        if (tile.positions.every((position) => position < args.firstPosition + start)) return;
        const parts = runtime.scope(() => {
          const made = gradientsOf(tools, args, { heads, tile, block }, blockKeys, blockValues);
          runtime.pass(made.keys);
          runtime.pass(made.values);
          runtime.pass(made.queries, 2);
          return made;
        });
        towardKeys = added(tools, towardKeys, parts.keys);
        towardValues = added(tools, towardValues, parts.values);
        const before = towardQueries[place] ?? null;
        towardQueries[place] =
          before === null ? parts.queries : runtime.pass(operations.binary('AddV2', before, parts.queries));
        if (before !== null) for (const handle of [before, parts.queries]) runtime.discard(handle);
      });
      addRows(tools, gradKeys, start, towardKeys);
      addRows(tools, gradValues, start, towardValues);
    });
  }
  tiles.forEach((tile, place) => {
    runtime.scope(() => {
      const total = towardQueries[place] ?? operations.fill([groups, heads.perGroup * tile.count, size], 0);
      storeTile(context, gradQueries, tile, heads, size, ungrouped(context, total, tile.count, heads, size));
    });
  });
}

function gradientsOf(
  tools: AttentionTools,
  args: AttendBackwardArguments,
  pair: {
    readonly heads: Heads;
    readonly tile: QueryTile;
    readonly block: { readonly start: number; readonly count: number; readonly valid: number };
  },
  keys: Handle,
  values: Handle,
) {
  const { context, tables } = tools;
  const { operations, runtime } = context;
  const { heads, tile } = pair;
  const { firstPosition, slopes, scale } = args;
  const queries = grouped(context, args.queries, tile, heads, heads.size); // [G, R · T, C]
  const gradOut = grouped(context, args.gradOut, tile, heads, heads.size);
  const logSumExp = grouped(context, args.logSumExp, tile, heads, 1);
  const scaled = operations.scale(queries, scale);
  const scores = maskedScores(context, tables, scaled, keys, { ...pair, firstPosition, slopes });
  const bounded = operations.binary('Maximum', logSumExp, runtime.scalar(leastLogSumExp));
  const weights = operations.unary('Exp', operations.binary('Sub', scores, bounded)); // p
  runtime.discard(scores);
  const towardValues = operations.batchMatmul(weights, gradOut, true, false); // [G, n, C]
  const out = grouped(context, args.out, tile, heads, heads.size);
  const delta = operations.reduce('Sum', operations.binary('Mul', out, gradOut), 2); // [G, R · T, 1]
  const along = operations.batchMatmul(gradOut, values, false, true); // [G, R · T, n]
  const towardScores = operations.binary('Mul', weights, operations.binary('Sub', along, delta));
  const towardKeys = operations.batchMatmul(towardScores, scaled, true, false); // the scale is in the queries
  const towardQueries = operations.scale(operations.batchMatmul(towardScores, keys, false, false), scale);
  return { keys: towardKeys, values: towardValues, queries: towardQueries };
}

/** Rows [start, start + count) of [N, G, C] as [G, count, C]. */
function byHead({ context }: AttentionTools, view: TensorView, start: number, count: number): Handle {
  const [, groups, size] = view.shape as readonly [number, number, number];
  const rows = viewPart(view, start * groups * size, [count, groups, size]);
  return context.operations.transpose(context.words(rows, rows.shape), [1, 0, 2]);
}

/** Both together; the parts go. */
function added({ context }: AttentionTools, sum: Handle | null, part: Handle): Handle {
  if (sum === null) return part;
  const both = context.operations.binary('AddV2', sum, part);
  for (const handle of [sum, part]) context.runtime.discard(handle);
  return both;
}

/** view[start …] += part [G, n, C]. */
function addRows({ context }: AttentionTools, view: TensorView, start: number, part: Handle | null): void {
  if (part === null) return;
  const { operations } = context;
  const [groups, count, size] = part.shape as readonly [number, number, number];
  const rows = viewPart(view, start * groups * size, [count, groups, size]);
  const own = operations.transpose(part, [1, 0, 2]); // [n, G, C]
  context.store(rows, operations.binary('AddV2', context.words(rows, rows.shape), own));
}
