/**
 * Page sizes, exported because predictions of `plan()` are exact: a context of N positions takes ceil(N / page)
 * pages of each of its arrays, a table of U ids takes ceil(U / slots) row pages per layer.
 */

import type { ModelConfig } from './model-config.ts';

/** Positions per page of a context's arrays (ids or slots, 1/rms, keys, values). */
export const contextPageLength = 256;

/** Slots (distinct ids, each w rows) per page of a table, and rows per page of position rows and state rows. */
export const rowPageSlots = 256;

/** Positions whose distinct ids mode `ids` projects at a time, at most: bounds its scratch. */
export const distinctBlockLength = 16 * contextPageLength;

/**
 * Numbers of the terms M_j E[t], 1 ≤ j < w, of a page of slots: kept beside the rows of keys and values, in their dtype, so
 * that 1/rms of a position whose ids have been seen takes no matrix product. None where positions are learned: their
 * states are no sums by id.
 */
export function termPageNumbers({
  initialStateWindow,
  hiddenSize,
  positionEmbeddingType,
}: Pick<ModelConfig, 'initialStateWindow' | 'hiddenSize' | 'positionEmbeddingType'>): number {
  return positionEmbeddingType === 'learned' ? 0 : rowPageSlots * (initialStateWindow - 1) * hiddenSize;
}

/** Pages of `pageLength` that hold `count` entries. */
export function pageCount(count: number, pageLength: number): number {
  return Math.ceil(count / pageLength);
}
