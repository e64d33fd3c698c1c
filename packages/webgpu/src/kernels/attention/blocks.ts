/**
 * How long contexts and many queries are cut: tiles of queries and blocks of entries whose scores, partial outputs and
 * angles each fit a binding and a stated scratch, whatever T and N; segments of a block, for workgroups to share.
 */

import type { ContextView } from '@inattention/core';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { bindingAlignment } from '../../memory/slabs.ts';
import { mostQueries } from './scores.ts';

const scratchNumbers = 1 << 20;

/** Entries of a block at most: keeps dispatches short on slow devices. */
const mostEntries = 1 << 14;

/** Entries that a tile of queries leaves room for, where it can. */
const leastEntries = 256;

/** Entries of a segment at least. */
const leastSegment = 64;

/** Workgroups (or invocations, where they work alone) that keep a device busy. */
const wantedWorkers = 512;

/** Query rows that share a key or value at most. */
const mostSharing = 4;

export interface Cutting {
  /** Queries of a tile. */
  readonly queries: number;
  /** Entries of a block. */
  readonly entries: number;
}

/** Numbers of a scratch array at most: 4 MiB, or what a binding reaches. */
export function scratchNumbersOf({ traits }: KernelRunner): number {
  return Math.min(scratchNumbers, Math.floor((traits.maxBindingBytes - bindingAlignment) / 4));
}

/** Tiles and blocks for `count` queries of H heads. */
export function cutAttention(runner: KernelRunner, view: ContextView, count: number, heads: number): Cutting {
  const numbers = scratchNumbersOf(runner);
  const perQuery = heads * Math.max(view.headDim, leastEntries);
  const queries = Math.max(1, Math.min(count, mostQueries, Math.floor(numbers / perQuery)));
  const byScores = Math.floor(numbers / (queries * heads));
  const byAngles = view.rope === null ? mostEntries : Math.floor(numbers / view.headDim);
  const bySlots = Math.floor(numbers / 2) - view.window;
  return { queries, entries: Math.max(1, Math.min(mostEntries, byScores, byAngles, bySlots)) };
}

export interface Segments {
  readonly count: number;
  /** Entries of each but the last. */
  readonly length: number;
}

/** Segments of `entries` entries: enough for `workers` per segment to keep the device busy, few enough for scratch. */
export function cutBlock(runner: KernelRunner, entries: number, workers: number, numbersPerSegment: number): Segments {
  const numbers = scratchNumbersOf(runner);
  const most = Math.max(1, Math.min(Math.floor(numbers / numbersPerSegment), Math.ceil(entries / leastSegment)));
  const length = Math.ceil(entries / Math.min(most, Math.ceil(wantedWorkers / workers)));
  return { count: Math.ceil(entries / length), length };
}

/** R for `queryRows` rows of queries that share a key head: 1, 2 or 4. */
export function sharingRows(queryRows: number): number {
  return queryRows >= 3 ? mostSharing : queryRows;
}
