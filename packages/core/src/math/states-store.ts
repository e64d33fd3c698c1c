/**
 * Context mode `states`: one context state x̂ per position for all layers and heads. Attention reads the states
 * themselves, or keys and values projected from them block by block, whichever is less work. A position names the row of
 * its state, so edits move 4 bytes a position.
 */

import type { ContextView } from '../backend/context-view.ts';
import { denseContext } from '../operations/eager-operations.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { attendStates, statesView, weightsOverStates } from './absorbed-states.ts';
import {
  attendBlocks,
  type BlockList,
  blockContextStates,
  blockKeysAndValues,
  eachBlock,
  pageBlocks,
  visibleLength,
  weightsOverBlocks,
} from './context-blocks.ts';
import { absorbs } from './context-cost.ts';
import type { ContextModel } from './context-model.ts';
import { alteredRange, type ContextChange, type ContextStore, isAppend } from './context-store.ts';
import { IntegerList } from './integer-list.ts';
import { indexArray } from './kv-store.ts';
import { contextPageLength } from './page-sizes.ts';
import type { PagedArray } from './paged-array.ts';
import type { StatePool } from './state-pool.ts';

export class StatesStore implements ContextStore {
  readonly mode = 'states';
  readonly #model: ContextModel;
  readonly #pool: StatePool;
  /** Host copy of the slots in `#index`. */
  readonly #slots: IntegerList;
  readonly #index: PagedArray;

  constructor(model: ContextModel, pool: StatePool, index = indexArray(model), slots?: IntegerList) {
    this.#model = model;
    this.#pool = pool;
    this.#slots = slots ?? new IntegerList(model.operations.backend.ledger);
    this.#index = index;
    this.#pool.join();
    this.#pool.reuse(this.#slots.slice());
  }

  /** The index, and the pool (which forks share). */
  get byteLength(): number {
    return this.#index.byteLength + this.#pool.byteLength;
  }

  get hostByteLength(): number {
    return this.#slots.byteLength;
  }

  apply(change: ContextChange): void {
    const { start, removed } = change;
    const { config, weights } = this.#model;
    const { to } = alteredRange(change, config.initialStateWindow, weights.positions !== null);
    // Positions [start, to) get new states; `replaced` are the rows of the positions they stand for.
    const lengthBefore = this.#slots.length;
    const replacedEnd = start + removed.length + (to - start - change.inserted);
    const replaced = this.#slots.slice(start, replacedEnd);
    const slots = this.#pool.acquire(to - start);
    try {
      this.#compute(change, slots);
      this.#model.work.movedBytes += this.#index.splice(start, replaced.length, slots.length);
      this.#index.writeHost(start, slots);
    } catch (error) {
      this.#pool.release(slots);
      if (isAppend(change)) this.#index.truncate(lengthBefore);
      throw error;
    }
    this.#slots.splice(start, replaced.length, slots);
    this.#pool.release(replaced);
  }

  attend(layer: number, queries: Tensor, positions: IndexTensor): Tensor {
    const { length } = this.#index;
    return this.#absorbs(queries, visibleLength(positions, length))
      ? attendStates(this.#model, layer, queries, positions, this.#statesView())
      : attendBlocks(this.#model, queries, positions, length, this.#blocks(layer));
  }

  view(): null {
    return null;
  }

  weights(layer: number, queries: Tensor, position: IndexTensor): Tensor {
    const { length } = this.#index;
    return this.#absorbs(queries, length)
      ? weightsOverStates(this.#model, layer, queries, position, this.#statesView())
      : weightsOverBlocks(this.#model, queries, position, length, this.#blocks(layer));
  }

  fork(_ids: IntegerList): StatesStore {
    return new StatesStore(this.#model, this.#pool, this.#index.fork(), this.#slots.fork());
  }

  dispose(): void {
    this.#pool.release(this.#slots.slice());
    this.#slots.dispose();
    this.#index.dispose();
    this.#pool.leave();
  }

  #compute({ ids, start }: ContextChange, slots: Int32Array): void {
    const { operations } = this.#model;
    eachBlock(start, start + slots.length, (from, count) => {
      operations.scope(() => {
        const states = blockContextStates(this.#model, ids, from, count);
        this.#pool.write(slots.subarray(from - start, from - start + count), operations.cast(states, this.#pool.dtype));
      });
    });
  }

  /** Whether absorbed projections are less work for these queries [T, H, C]. */
  #absorbs(queries: Tensor, entries: number): boolean {
    return absorbs(this.#model.config, queries.shape[0] as number, entries);
  }

  #statesView(): ContextView {
    return statesView(this.#model, this.#pool.paged, this.#index);
  }

  /** Keys and values projected page by page. */
  #blocks(layer: number): BlockList {
    const { operations } = this.#model;
    return (length) =>
      pageBlocks(0, length, (start, count) => {
        const page = this.#index.pages[start / contextPageLength] as Tensor;
        using slots = page.slice(0, count);
        const states = operations.gatherRows(this.#pool.pages, this.#pool.rowsPerPage, slots); // [count, D]
        const { keys, values } = blockKeysAndValues(this.#model, layer, states, start);
        return denseContext(keys, values, start);
      });
  }
}
