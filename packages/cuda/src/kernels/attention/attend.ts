/**
 * Attention by blocks of entries with an online softmax: of each block the maximum, the sum of exponentials and the weighted
 * values, merged exactly with what came before. One query against one block, which is a decode step up to 16,384 positions,
 * goes by Softmax and two products; maximum and sum are then computed when somebody asks.
 *
 * Scratch is bounded whatever T and N (attentionScratchBytes).
 */

import { type AttendArguments, lowestFloat, type TensorView } from '@inattention/core';
import type { Handle } from '../../execution/handle.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { Rotations } from '../rotation.ts';
import { type EntryBlock, entryBlocks } from './entries.ts';
import { type DistanceTables, maskedScores } from './masked-scores.ts';
import { grouped, type Heads, headsOf, type QueryTile, queryTiles, storeTile, ungrouped } from './query-tiles.ts';

/** What attention over part of the entries comes to, [G, R · T, 1], [G, R · T, 1], [G, R · T, C]: `total` is not divided. */
interface State {
  readonly max: Handle;
  readonly sum: Handle;
  readonly total: Handle;
}

/** Kernels that attention shares with others. */
export interface AttentionTools {
  readonly context: KernelContext;
  readonly rotations: Rotations;
  readonly tables: DistanceTables;
}

export function attend(tools: AttentionTools, args: AttendArguments): void {
  const { context, rotations } = tools;
  const { queries, from, to, accumulate, out, max, sum } = args;
  const view = args.context;
  const positions = context.integers(args.positions);
  const heads = headsOf(args);
  const last = positions.reduce((furthest, position) => Math.max(furthest, position), -1);
  const end = Math.min(to, last - view.firstPosition + 1);
  const blocks = end > from ? entryBlocks(context, rotations, view, from, end) : [];
  const [only] = blocks;
  if (blocks.length === 1 && only !== undefined && positions.length === 1 && !accumulate) {
    attendOnce(tools, args, heads, only, positions);
    return;
  }
  const longest = blocks.reduce((length, block) => Math.max(length, block.count), 0);
  const tiles = queryTiles(positions, heads.queries, longest);
  const states: (State | null)[] = tiles.map((tile) => (accumulate ? readState(context, args, tile, heads) : null));
  for (const block of blocks) {
    context.runtime.scope(() => {
      const { keys, values } = block.load();
      tiles.forEach((tile, place) => {
        if (tile.positions.every((position) => position < view.firstPosition + block.start)) return; // nothing is seen
        const before = states[place] as State | null;
        const after = context.runtime.scope(() => {
          const scaled = context.operations.scale(grouped(context, queries, tile, heads, heads.size), args.scale);
          const part = attendBlock(tools, args, { heads, tile, block }, scaled, keys, values);
          return passState(context, before === null ? part : merge(context, before, part), 2);
        });
        if (before !== null) for (const handle of Object.values(before)) context.runtime.discard(handle as Handle);
        states[place] = after;
      });
    });
  }
  tiles.forEach((tile, place) => {
    const state = states[place] as State | null;
    context.runtime.scope(() => storeState(context, { out, max, sum }, tile, heads, state));
  });
}

/** One query over one block. */
function attendOnce(
  tools: AttentionTools,
  args: AttendArguments,
  heads: Heads,
  block: EntryBlock,
  positions: Int32Array,
): void {
  const { context } = tools;
  const { operations, runtime, memory } = context;
  const tile = { first: 0, count: 1, positions };
  const { keys, values } = block.load();
  const { deferred } = context.bufferOf(args.queries);
  const scaled =
    deferred?.scaled !== undefined && context.isWhole(args.queries)
      ? operations.reshape(deferred.scaled(args.scale), [heads.groups, heads.perGroup, heads.size])
      : operations.scale(grouped(context, args.queries, tile, heads, heads.size), args.scale);
  const scores = scoresOf(tools, args, { heads, tile, block }, scaled, keys); // [G, R, n]
  context.store(args.out, operations.batchMatmul(operations.unary('Softmax', scores), values, false, false));
  // The scores stay until maximum and sum are asked for or given back.
  runtime.keep(scores);
  memory.addCached(scores.bytes);
  let holders = 2;
  const drop = () => {
    holders -= 1;
    if (holders > 0) return;
    runtime.delete(scores);
    memory.addCached(-scores.bytes);
  };
  const whole = [args.max, args.sum].every((view) => context.isWhole(view) && context.bufferOf(view).place === null);
  const largest = () => operations.reduce('Max', scores, 2); // [G, R, 1]
  const total = () => operations.reduce('Sum', operations.unary('Exp', operations.binary('Sub', scores, largest())), 2);
  if (whole) {
    memory.defer(context.bufferOf(args.max), { compute: largest, drop });
    memory.defer(context.bufferOf(args.sum), { compute: total, drop });
    return;
  }
  context.store(args.max, largest());
  context.store(args.sum, total());
  drop();
  drop();
}

/** What a tile and a block are to each other. */
interface Pair {
  readonly heads: Heads;
  readonly tile: QueryTile;
  readonly block: EntryBlock;
}

export function scoresOf(
  { context, tables }: AttentionTools,
  { context: { firstPosition }, slopes }: Pick<AttendArguments, 'context' | 'slopes'>,
  pair: Pair,
  queries: Handle,
  keys: Handle,
): Handle {
  return maskedScores(context, tables, queries, keys, { ...pair, firstPosition, slopes });
}

function attendBlock(
  tools: AttentionTools,
  args: AttendArguments,
  pair: Pair,
  queries: Handle,
  keys: Handle,
  values: Handle,
): State {
  const { operations, runtime } = tools.context;
  const { heads, tile, block } = pair;
  const scores = scoresOf(tools, args, pair, queries, keys);
  const max = operations.reduce('Max', scores, 2);
  const shifted = operations.binary('Sub', scores, max);
  runtime.discard(scores);
  const exponentials = operations.unary('Exp', shifted);
  runtime.discard(shifted);
  const sum = operations.reduce('Sum', exponentials, 2);
  const total = operations.batchMatmul(exponentials, values, false, false);
  runtime.discard(exponentials);
  const first = args.context.firstPosition + block.start;
  if (tile.positions.every((position) => position >= first)) return { max, sum, total };
  // Queries that see nothing of the block: maximum the lowest number, sum and total 0.
  const perRow = (seen: number, not: number) => {
    const data = Float32Array.from({ length: heads.perGroup * tile.count }, (_, row) =>
      (tile.positions[row % tile.count] as number) >= first ? seen : not,
    );
    return runtime.upload(data, [data.length, 1]);
  };
  const seen = perRow(1, 0);
  return {
    max: operations.binary('AddV2', operations.binary('Mul', max, seen), perRow(0, lowestFloat)),
    sum: operations.binary('Mul', sum, seen),
    total: operations.binary('Mul', total, seen),
  };
}

/** Both together: each weighs exp(its maximum − the common one). */
function merge(context: KernelContext, a: State, b: State): State {
  const { operations } = context;
  const max = operations.binary('Maximum', a.max, b.max);
  const weightA = operations.unary('Exp', operations.binary('Sub', a.max, max));
  const weightB = operations.unary('Exp', operations.binary('Sub', b.max, max));
  const weighted = (x: Handle, y: Handle) =>
    operations.binary('AddV2', operations.binary('Mul', x, weightA), operations.binary('Mul', y, weightB));
  return { max, sum: weighted(a.sum, b.sum), total: weighted(a.total, b.total) };
}

/** Hands a state to the scope `levels` further out. */
function passState({ runtime }: KernelContext, state: State, levels: number): State {
  for (const handle of Object.values(state)) runtime.pass(handle as Handle, levels);
  return state;
}

function readState(context: KernelContext, { out, max, sum }: AttendArguments, tile: QueryTile, heads: Heads): State {
  const { operations } = context;
  const total = grouped(context, sum, tile, heads, 1);
  return {
    max: operations.copy(grouped(context, max, tile, heads, 1)),
    sum: operations.copy(total),
    total: operations.binary('Mul', grouped(context, out, tile, heads, heads.size), total),
  };
}

function storeState(
  context: KernelContext,
  { out, max, sum }: { readonly out: TensorView; readonly max: TensorView; readonly sum: TensorView },
  tile: QueryTile,
  heads: Heads,
  state: State | null,
): void {
  const { operations } = context;
  const put = (view: TensorView, width: number, tensor: Handle) =>
    storeTile(context, view, tile, heads, width, ungrouped(context, tensor, tile.count, heads, width));
  const shape = (width: number) => [heads.groups, heads.perGroup * tile.count, width];
  if (state === null) {
    put(out, heads.size, operations.fill(shape(heads.size), 0));
    put(max, 1, operations.fill(shape(1), lowestFloat));
    put(sum, 1, operations.fill(shape(1), 0));
    return;
  }
  put(out, heads.size, operations.binary('DivNoNan', state.total, state.sum));
  put(max, 1, state.max);
  put(sum, 1, state.sum);
}
