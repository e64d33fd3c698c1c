/**
 * Gradients of attention over dense f32 keys and values, recomputed from log-sum-exp (Dao et al., arXiv 2205.14135, §B.2):
 *
 *     P = exp(scale Q Kᵀ − slope · distance − logSumExp);  dV = Pᵀ dO;  dS = scale · P ⊙ (dO Vᵀ − rowsum(dO ⊙ O));
 *     dQ = dS K;  dK = dSᵀ Q
 *
 * A task is one block of keys of one kv head: it goes over the tiles of queries that see it, and what it adds to keys and
 * values is its own. A tile's dQ is added to block by block in the blocks' order, so that results do not depend on threads;
 * blocks begin in that order too, so waiting for one's turn is rare.
 */

import { backwardBlock, backwardScratchWords, blockEntries, tileCount } from './attend-backward-block';
import { argument, floatArgument, pass, passFloat, runTasks, threadCount, threadIndex } from './threads';

/** Words of scratch, all threads': tiles, and whose turn it is at each tile of each kv head. */
export function attendBackwardScratchWords(count: i32, heads: i32, kvHeads: i32, headDim: i32): i32 {
  return threadCount() * backwardScratchWords(headDim) + kvHeads * tileCount(count * (heads / kvHeads));
}

export function attendBackward(
  queries: usize,
  positions: usize,
  keys: usize,
  values: usize,
  slopes: usize,
  out: usize,
  logSumExp: usize,
  gradOut: usize,
  gradQueries: usize,
  gradKeys: usize,
  gradValues: usize,
  count: i32,
  heads: i32,
  entries: i32,
  kvHeads: i32,
  headDim: i32,
  firstPosition: i32,
  scale: f32,
  scratch: usize,
): void {
  const turns = scratch + ((<usize>(threadCount() * backwardScratchWords(headDim))) << 2);
  memory.fill(turns, 0, (<usize>(kvHeads * tileCount(count * (heads / kvHeads)))) << 2);
  memory.fill(gradQueries, 0, (<usize>(count * heads * headDim)) << 2);
  pass(0, <i32>queries);
  pass(1, <i32>positions);
  pass(2, <i32>keys);
  pass(3, <i32>values);
  pass(4, <i32>slopes);
  pass(5, <i32>out);
  pass(6, <i32>logSumExp);
  pass(7, <i32>gradOut);
  pass(8, <i32>gradQueries);
  pass(9, <i32>gradKeys);
  pass(10, <i32>gradValues);
  pass(11, count);
  pass(12, heads);
  pass(13, entries);
  pass(14, kvHeads);
  pass(15, headDim);
  pass(16, firstPosition);
  passFloat(17, scale);
  pass(18, <i32>scratch);
  pass(19, <i32>turns);
  runTasks(backwardTask, kvHeads * ((entries + blockEntries - 1) / blockEntries));
}

/** One block of one kv head. The first block, which most queries see, is begun first: it is task number highest. */
function backwardTask(task: i32): void {
  const entries = argument(13);
  const kvHeads = argument(14);
  const headDim = argument(15);
  const blocks = (entries + blockEntries - 1) / blockEntries;
  backwardBlock(
    <usize>argument(0),
    <usize>argument(1),
    <usize>argument(2),
    <usize>argument(3),
    <usize>argument(4),
    <usize>argument(5),
    <usize>argument(6),
    <usize>argument(7),
    <usize>argument(8),
    <usize>argument(9),
    <usize>argument(10),
    argument(11),
    argument(12),
    entries,
    kvHeads,
    headDim,
    argument(16),
    floatArgument(17),
    blocks - 1 - task / kvHeads,
    task % kvHeads,
    <usize>argument(18) + ((<usize>(threadIndex() * backwardScratchWords(headDim))) << 2),
    <usize>argument(19),
  );
}
