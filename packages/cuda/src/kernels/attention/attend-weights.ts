/** The attention weights of one query, exp(score − logSumExp), block by block: [H, to − from]. */

import type { AttendWeightsArguments } from '@inattention/core';
import type { Handle } from '../../execution/handle.ts';
import { type AttentionTools, scoresOf } from './attend.ts';
import { entryBlocks } from './entries.ts';
import { grouped, headsOf } from './query-tiles.ts';

export function attendWeights(tools: AttentionTools, args: AttendWeightsArguments): void {
  const { context, rotations } = tools;
  const { operations, runtime } = context;
  const { queries, from, to, out, logSumExp, scale } = args;
  const positions = context.integers(args.positions);
  const heads = headsOf(args);
  const tile = { first: 0, count: 1, positions };
  const end = Math.max(from, Math.min(to, (positions[0] as number) - args.context.firstPosition + 1));
  const pieces: Handle[] = [];
  for (const block of end > from ? entryBlocks(context, rotations, args.context, from, end) : []) {
    const piece = runtime.scope(() => {
      const { keys } = block.load();
      const scaled = operations.scale(grouped(context, queries, tile, heads, heads.size), scale);
      const scores = scoresOf(tools, args, { heads, tile, block }, scaled, keys); // [G, R, n]
      const shifted = operations.binary('Sub', scores, context.words(logSumExp, [heads.groups, heads.perGroup, 1]));
      const weights = operations.reshape(operations.unary('Exp', shifted), [heads.queries, block.count]);
      const seen =
        block.valid === block.count ? weights : operations.slice(weights, [0, 0], [heads.queries, block.valid]);
      return runtime.pass(seen);
    });
    pieces.push(piece);
  }
  if (end < to) pieces.push(operations.fill([heads.queries, to - end], 0));
  context.store(out, operations.concat(pieces, 1));
}
