/**
 * Floating-point operations (multiply-adds × 2) of the ways to attend to context states, by which stores choose among
 * them and `plan()` predicts. Counted, not timed; what all ways have in common is left out where it is said so.
 */

import { rowKind } from './context-source.ts';
import type { ModelConfig } from './model-config.ts';
import { distinctBlockLength } from './page-sizes.ts';

/** What of a configuration the counts depend on. */
export type CostConfig = Pick<
  ModelConfig,
  | 'hiddenSize'
  | 'headDim'
  | 'numAttentionHeads'
  | 'numKeyValueHeads'
  | 'initialStateWindow'
  | 'positionEmbeddingType'
  | 'attentionBias'
  | 'queryKeyNorm'
>;

/** k and v of one input of size D: 2 · 2·G·C·D. */
export function projectionFlops({ numKeyValueHeads, headDim, hiddenSize }: CostConfig): number {
  return 4 * numKeyValueHeads * headDim * hiddenSize;
}

/** Σ_{1≤j<w} M_j e of one position. */
export function mixFlops({ initialStateWindow, hiddenSize }: CostConfig): number {
  return 2 * (initialStateWindow - 1) * hiddenSize * hiddenSize;
}

/** Scores and weighted values of `queries` queries over `entries` keys and values. */
export function attentionFlops({ numAttentionHeads, headDim }: CostConfig, queries: number, entries: number): number {
  return 4 * numAttentionHeads * headDim * queries * entries;
}

/** Attention to context states: keys and values of `entries` positions projected. */
export function projectedStatesFlops(config: CostConfig, queries: number, entries: number): number {
  return entries * projectionFlops(config) + attentionFlops(config, queries, entries);
}

/**
 * The same with absorbed projections: W_Kᵀ q and W_V (Σ a x̂) per query and head, and attention over D numbers a
 * position. Infinite for rope, whose rotation stands between W_K and q, and for normalised keys.
 */
export function absorbedStatesFlops(config: CostConfig, queries: number, entries: number): number {
  if (config.positionEmbeddingType === 'rope' || config.queryKeyNorm) return Number.POSITIVE_INFINITY;
  const { numAttentionHeads: heads, headDim, hiddenSize } = config;
  return 4 * heads * hiddenSize * queries * (entries + headDim);
}

/** Whether absorbed projections are less work. */
export function absorbs(config: CostConfig, queries: number, entries: number): boolean {
  return absorbedStatesFlops(config, queries, entries) < projectedStatesFlops(config, queries, entries);
}

/**
 * Initial states of `count` positions with `distinct` ids: products M_j e per position, or per distinct id with w terms to
 * add up per position, whichever is less. With learned positions an e is its position's own.
 */
function statesFlops(config: CostConfig, count: number, distinct: number): number {
  const byPosition = count * mixFlops(config);
  return statesByDistinctIds(config, count, distinct) ? termsFlops(config, count, distinct) : byPosition;
}

/** Whether states by distinct ids are less work than by positions. */
export function statesByDistinctIds(config: CostConfig, count: number, distinct: number): boolean {
  if (config.positionEmbeddingType === 'learned') return false;
  return termsFlops(config, count, distinct) < count * mixFlops(config);
}

function termsFlops(config: CostConfig, count: number, distinct: number): number {
  return distinct * mixFlops(config) + 2 * config.initialStateWindow * config.hiddenSize * count;
}

/** Keys and values of `count` positions with `distinct` ids, one by one; attention itself is left out. */
export function positionsFlops(config: CostConfig, count: number, distinct = count): number {
  return statesFlops(config, count, distinct) + count * projectionFlops(config);
}

/** Whether attention of `queries` to `count` positions known by ids is less work over their states. */
export function absorbsIds(config: CostConfig, queries: number, count: number, distinct: number): boolean {
  return absorbedIdsFlops(config, queries, count, distinct) < projectedIdsFlops(config, queries, count, distinct);
}

function absorbedIdsFlops(config: CostConfig, queries: number, count: number, distinct: number): number {
  return absorbedStatesFlops(config, queries, count) + statesFlops(config, count, distinct);
}

function projectedIdsFlops(config: CostConfig, queries: number, count: number, distinct: number): number {
  const [positions, rows] = [positionsFlops(config, count, distinct), distinctIdsFlops(config, count, distinct)];
  return attentionFlops(config, queries, count) + Math.min(positions, rows);
}

/**
 * The same by rows of `distinct` ids, one per offset; each position then adds up w rows of keys and of values, and w
 * terms of size D for its 1/rms. Infinite for learned positions, whose own rows are one per position anyway, and where
 * biases or norms stand between sums of rows and keys or values.
 */
export function distinctIdsFlops(config: CostConfig, count: number, distinct: number): number {
  if (!attendsToRows(config)) return Number.POSITIVE_INFINITY;
  const { initialStateWindow: window, numKeyValueHeads, headDim, hiddenSize } = config;
  const rows = distinct * (mixFlops(config) + window * projectionFlops(config));
  return rows + count * (4 * window * numKeyValueHeads * headDim + 2 * (window + 1) * hiddenSize);
}

/** Whether attention can read rows of distinct ids in the place of keys and values. */
function attendsToRows(config: CostConfig): boolean {
  if (config.positionEmbeddingType === 'learned') return false;
  const kind = rowKind(config);
  return kind === 'finished' || (kind === 'sums' && config.attentionBias === undefined);
}

/** Biases and norm of `entries` keys and values: some additions and products a number. */
export function finishFlops({ numKeyValueHeads, headDim }: CostConfig, entries: number): number {
  return 6 * numKeyValueHeads * headDim * entries;
}

/** Distinct ids of n tokens of text grow about as n^0.6 (Heaps' law; English in GPT-2's vocabulary: 0.57 to 0.72). */
const growthOfDistinct = 0.6;

/**
 * Attention of one query to `length` positions with `distinct` ids in all, block by block in the cheapest way. How many of
 * the ids a block has is estimated from the growth of their number with the text, which is exact for one block.
 */
export function idsFlops(config: CostConfig, length: number, distinct: number): number {
  const ofBlock = (count: number) => {
    const ids = Math.min(count, distinct * (count / length) ** growthOfDistinct);
    return Math.min(absorbedIdsFlops(config, 1, count, ids), projectedIdsFlops(config, 1, count, ids));
  };
  const full = Math.floor(length / distinctBlockLength);
  const rest = length % distinctBlockLength;
  return (full > 0 ? full * ofBlock(distinctBlockLength) : 0) + (rest > 0 ? ofBlock(rest) : 0);
}
