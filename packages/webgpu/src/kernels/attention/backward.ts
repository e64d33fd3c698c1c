/**
 * attendBackward: gradients of attention over dense keys and values [N, G, C], recomputed from log-sum-exp (Dao et al.,
 * arXiv 2205.14135, §B.2):
 *
 *     P = exp(S − logSumExp);  dV = Pᵀ dO;  dS = P ⊙ (dO Vᵀ − rowsum(dO ⊙ O));  dQ = scale · dS K;  dK = scale · dSᵀ Q
 *
 * Queries are taken in runs and entries in blocks, so that every dispatch is short, fits a binding and needs little
 * scratch: 4 numbers per query and head, and without barriers P and dS of a block. backward-tiles.ts and
 * backward-staged.ts have the kernels. No atomics: a number is written by one invocation, in an order fixed by shapes.
 */

import type { AttendBackwardArguments, TensorView } from '@inattention/core';
import { gridOf, type KernelRunner } from '../../execution/kernel-runner.ts';
import { bindingAlignment } from '../../memory/slabs.ts';
import { type RowRun, rowRuns, rowsOf } from '../pieces.ts';
import { canUseVectors } from '../wgsl/elements.ts';
import { type BackwardParams, tileSize } from './backward-access.ts';
import { backwardRows } from './backward-rows.ts';
import { entryKernel, queryKernel, stagedSize, weightKernel } from './backward-staged.ts';
import { entryTileKernel, passesOf, queryTileKernel } from './backward-tiles.ts';

/** Of a dispatch's work: weights that go through memory take longer than their operations are counted. */
const stagedShare = 0.4;

/** Numbers of P in scratch, and as many of dS. */
const stagedScratch = 1 << 20;

/** A run of queries against a block of entries. */
interface Block {
  readonly views: Readonly<
    Record<
      'queries' | 'grad' | 'keys' | 'values' | 'records' | 'grad_queries' | 'grad_keys' | 'grad_values',
      TensorView
    >
  >;
  readonly params: BackwardParams;
  readonly aligned: boolean;
}

export function attendBackward(
  runner: KernelRunner,
  args: AttendBackwardArguments,
  tiled = !runner.traits.software,
): void {
  const { queries, keys, values, gradOut, gradQueries, gradKeys, gradValues } = args;
  const [count = 0, heads = 0, headDim = 0] = queries.shape;
  const [length = 0, kvHeads = 0] = keys.shape;
  if (count * heads * headDim === 0) return;
  const aligned = canUseVectors(
    runner,
    headDim,
    ...[queries, keys, values, gradOut, gradQueries, gradKeys, gradValues],
  );
  const { queryRun, entryRun } = blockShape(runner, args, tiled);
  for (const run of rowRuns(runner, count, heads * Math.max(4, headDim), queryRun * heads * Math.max(4, headDim))) {
    runner.withScratch([run.count, heads, 4], (records) => {
      backwardRows(runner, args, run, records, tiled);
      const own = (view: TensorView) => rowsOf(view, run.first, run.count);
      // One block of no entries where there are none: gradQueries is 0 then.
      const blocks: RowRun[] =
        length === 0
          ? [{ first: 0, count: 0 }]
          : rowRuns(runner, length, kvHeads * headDim, entryRun * kvHeads * headDim);
      for (const { first, count: entries } of blocks) {
        const block: Block = {
          views: {
            queries: own(queries),
            grad: own(gradOut),
            keys: rowsOf(keys, first, entries),
            values: rowsOf(values, first, entries),
            records,
            grad_queries: own(gradQueries),
            grad_keys: rowsOf(gradKeys, first, entries),
            grad_values: rowsOf(gradValues, first, entries),
          },
          params: {
            queries: run.count,
            entries,
            heads,
            kv_heads: kvHeads,
            channels: headDim,
            vectors: Math.ceil(headDim / 4),
            first_position: args.firstPosition + first,
            scale: args.scale,
            added: first === 0 ? 0 : 1,
          },
          aligned,
        };
        if (tiled) runTiles(runner, block);
        else runStages(runner, block);
      }
    });
  }
}

/** Queries of a run and entries of a block: at most so many multiply-adds, and numbers of scratch. */
function blockShape(runner: KernelRunner, { queries, keys }: AttendBackwardArguments, tiled: boolean) {
  const [count = 0, heads = 0, headDim = 0] = queries.shape;
  const [length = 0] = keys.shape;
  const flopsPerPair = 16 * headDim * heads;
  const scratch = Math.min(stagedScratch, (runner.traits.maxBindingBytes - bindingAlignment) / 4);
  const { flops } = runner.traits.dispatch;
  const pairs = tiled ? flops / flopsPerPair : Math.min((stagedShare * flops) / flopsPerPair, scratch / heads);
  const whole = (rows: number) => Math.max(4, Math.floor(rows / tileSize) * tileSize || Math.floor(rows / 4) * 4);
  const padded = 4 * Math.max(1, Math.ceil(length / 4));
  const queryRun = Math.min(count, whole(Math.max(Math.sqrt(pairs), pairs / padded)));
  return { queryRun, entryRun: whole(pairs / queryRun) };
}

function runTiles(runner: KernelRunner, { views, params, aligned }: Block): void {
  const { queries, grad, keys, values, records, grad_queries, grad_keys, grad_values } = views;
  const read = { queries, grad, keys, values, records };
  const products = params.queries * params.entries * params.heads * params.channels;
  runner.run(queryTileKernel(aligned, passesOf(params.vectors)), {
    bindings: { ...read, grad_queries },
    params,
    workgroups: [Math.ceil(params.queries / tileSize), params.heads],
    flops: 6 * products,
  });
  runner.run(entryTileKernel(aligned, passesOf(params.vectors)), {
    bindings: { ...read, grad_keys, grad_values },
    params,
    workgroups: [Math.ceil(params.entries / tileSize), params.kv_heads],
    flops: 8 * products,
  });
}

function runStages(runner: KernelRunner, { views, params, aligned }: Block): void {
  const { queries, grad, keys, values, records, grad_queries, grad_keys, grad_values } = views;
  const quads = Math.ceil(params.entries / 4);
  const queryQuads = Math.ceil(params.queries / 4);
  const products = params.queries * params.entries * params.heads * params.channels;
  const shape = [params.heads, params.queries, quads * 4];
  runner.withScratch(shape, (weights) =>
    runner.withScratch(shape, (gradients) => {
      runner.run(weightKernel(aligned), {
        bindings: { queries, grad, keys, values, records, weights, gradients },
        params,
        workgroups: gridOf(params.heads * queryQuads * quads, stagedSize),
        flops: 4 * products,
      });
      runner.run(queryKernel(aligned), {
        bindings: { gradients, records, keys, grad_queries },
        params,
        workgroups: gridOf(queryQuads * params.heads * params.vectors, stagedSize),
        flops: 2 * products,
      });
      runner.run(entryKernel(aligned), {
        bindings: { weights, gradients, records, queries, grad, grad_keys, grad_values },
        params,
        workgroups: gridOf(quads * params.kv_heads * params.vectors, stagedSize),
        flops: 4 * products,
      });
    }),
  );
}
