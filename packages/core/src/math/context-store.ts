/**
 * What a context mode does: keep what it keeps in step with the ids, and attend. One store per context; the four
 * implementations are kv-store, table-store, states-store and ids-store.
 */

import type { ContextView } from '../backend/context-view.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ContextMode } from './context-mode.ts';
import type { IntegerList } from './integer-list.ts';

/** One change of a context: ids [start, start + removed.length) became `inserted` ids. */
export interface ContextChange {
  /** The ids after the change. */
  readonly ids: IntegerList;
  readonly start: number;
  /** The ids that went. */
  readonly removed: Int32Array;
  /** How many came. */
  readonly inserted: number;
}

export interface ContextStore {
  readonly mode: ContextMode;
  /** Device bytes of this context alone (a table's rows are the model's). */
  readonly byteLength: number;
  /** Host bytes it keeps beside the ids. */
  readonly hostByteLength: number;
  /**
   * Follows a change. An append (nothing removed, at the end) that throws leaves the store as it was; other changes
   * are applied to a fork by the caller.
   */
  apply(change: ContextChange): void;
  /** Attention of queries [T, H, C] (rotated) at `positions` over the context, in one layer: [T, H, C]. */
  attend(layer: number, queries: Tensor, positions: IndexTensor): Tensor;
  /** All of the context of a layer as one view, where attention over it is all there is to do; else null. */
  view(layer: number): ContextView | null;
  /** The attention weights of one query [1, H, C]: [H, N]. */
  weights(layer: number, queries: Tensor, position: IndexTensor): Tensor;
  /** A store with the same contents that follows `ids`, a list equal to this store's at the moment. */
  fork(ids: IntegerList): ContextStore;
  dispose(): void;
}

/**
 * Positions whose initial state a change altered: the inserted ones and the w−1 after the seam; with learned
 * positions, everything from `start` on.
 */
export function alteredRange(
  change: ContextChange,
  window: number,
  learnedPositions: boolean,
): { readonly from: number; readonly to: number } {
  const { ids, start, removed, inserted } = change;
  const shifted = removed.length !== inserted;
  const to = learnedPositions && shifted ? ids.length : start + inserted + window - 1;
  return { from: start, to: Math.min(ids.length, to) };
}

/** True for a change at the end that removes nothing. */
export function isAppend(change: ContextChange): boolean {
  return change.removed.length === 0 && change.start + change.inserted === change.ids.length;
}
