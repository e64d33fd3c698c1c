/**
 * Loss as a function of context length: targets are chosen once, and the loss of each is measured with its last n tokens
 * as the whole context, for every n. The targets are the same for all lengths and models, so differences between lengths
 * are means of paired differences.
 */

import { throwIfAborted } from '@inattention/core';
import { inattentionLayers } from '@inattention/core/math';
import type { Model } from '@inattention/model';
import { samplePositions, type TokenData } from '@inattention/train';

/** A token to foresee: its document begins at `documentStart`, and it is number `place` of the data. */
export interface Target {
  readonly documentStart: number;
  readonly place: number;
}

/** A mean and its standard error. */
export interface Estimate {
  readonly mean: number;
  /** NaN for fewer than two numbers. */
  readonly standardError: number;
}

/**
 * Up to `count` targets, drawn uniformly without replacement from all tokens that have `longest` tokens of their own document
 * before them; none when no document is that long. The same for the same data, lengths and seed.
 */
export async function chooseTargets(data: TokenData, longest: number, count: number, seed: number): Promise<Target[]> {
  const ends = await data.readDocumentEnds(0, data.documentCount);
  let start = 0;
  const stretches = Array.from(ends, (end) => {
    const stretch = { documentStart: start, first: start + longest, count: Math.max(0, end - start - longest) };
    start = end;
    return stretch;
  });
  const eligible = stretches.reduce((sum, stretch) => sum + stretch.count, 0);
  const targets: Target[] = [];
  let [stretch, before] = [0, 0];
  for (const number of samplePositions(eligible, count, seed)) {
    while (number - before >= (stretches[stretch]?.count ?? 0)) {
      before += stretches[stretch]?.count ?? 0;
      stretch += 1;
    }
    const { documentStart, first } = stretches[stretch] as (typeof stretches)[number];
    targets.push({ documentStart, place: first + number - before });
  }
  return targets;
}

/** Losses of the targets with `tokens` tokens of context each, in their order. Throws AbortedError. */
export async function lossesAt(
  model: Model,
  data: TokenData,
  targets: readonly Target[],
  tokens: number,
  options: { readonly signal?: AbortSignal; readonly onTarget?: (done: number) => void } = {},
): Promise<Float64Array> {
  const { signal, onTarget } = options;
  const { numHiddenLayers } = model.config;
  const pure = inattentionLayers(model.config).length === numHiddenLayers;
  const losses = new Float64Array(targets.length);
  for (const [order, { place }] of targets.entries()) {
    throwIfAborted(signal, 'The measurement');
    const ids = await data.readTokens(place - tokens, place + 1, signal);
    using session = model.createSession({ context: pure ? 'tables' : 'kv', expectedTokens: tokens });
    const run = signal === undefined ? {} : { signal };
    await session.append(ids.subarray(0, tokens), run);
    losses[order] = (await session.lossAt([tokens - 1], ids.subarray(tokens), run))[0] as number;
    onTarget?.(order + 1);
  }
  return losses;
}

/** Mean of some numbers, and the standard error of that mean. */
export function estimate(values: ArrayLike<number>): Estimate {
  const count = values.length;
  const mean = Array.from(values).reduce((sum, value) => sum + value, 0) / count;
  const squares = Array.from(values).reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardError: Math.sqrt(squares / (count - 1) / count) };
}

/** Mean of paired differences b − a, and its standard error. */
export function estimateDifference(a: ArrayLike<number>, b: ArrayLike<number>): Estimate {
  return estimate(Array.from(b, (value, order) => value - (a[order] as number)));
}
