/**
 * Context mode `ids`: nothing but ids. What attention reads comes block by block while attending: states, where it can
 * read them (absorbed-states.ts), or keys and values, from states or from rows of distinct ids (distinct-block.ts),
 * whichever is the least work by count. Memory is the least of all modes and work per step the most.
 */

import type { ContextView } from '../backend/context-view.ts';
import { denseContext } from '../operations/eager-operations.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { absorbIntoQueries, projectSums } from './absorbed-states.ts';
import {
  attendBlocks,
  type BlockList,
  blockContextStates,
  blockKeysAndValues,
  type ContextBlock,
  pageBlocks,
  visibleLength,
  weightsOverBlocks,
} from './context-blocks.ts';
import { absorbsIds, distinctIdsFlops, positionsFlops, statesByDistinctIds } from './context-cost.ts';
import type { ContextModel } from './context-model.ts';
import { type ContextChange, type ContextStore, isAppend } from './context-store.ts';
import { distinctBlockView, leadOf } from './distinct-block.ts';
import type { IntegerList } from './integer-list.ts';
import { indexArray } from './kv-store.ts';
import { distinctBlockLength } from './page-sizes.ts';
import type { PagedArray } from './paged-array.ts';
import { type DistinctIds, distinctIdsOf, statesByIds } from './states-by-id.ts';

export class IdsStore implements ContextStore {
  readonly mode = 'ids';
  readonly hostByteLength = 0;
  readonly #model: ContextModel;
  #ids: IntegerList;
  readonly #index: PagedArray;

  constructor(model: ContextModel, ids: IntegerList, index = indexArray(model)) {
    this.#model = model;
    this.#ids = ids;
    this.#index = index;
  }

  get byteLength(): number {
    return this.#index.byteLength;
  }

  apply(change: ContextChange): void {
    const { ids, start, removed, inserted } = change;
    try {
      this.#model.work.movedBytes += this.#index.splice(start, removed.length, inserted);
      this.#index.writeHost(start, ids.slice(start, start + inserted));
    } catch (error) {
      if (isAppend(change)) this.#index.truncate(start);
      throw error;
    }
    this.#ids = ids;
  }

  attend(layer: number, queries: Tensor, positions: IndexTensor): Tensor {
    const { length } = this.#index;
    if (!this.#absorbs(queries, visibleLength(positions, length))) {
      return attendBlocks(this.#model, queries, positions, length, this.#blocks(layer));
    }
    return this.#model.operations.scope(() => {
      const absorbed = absorbIntoQueries(this.#model, layer, queries);
      const sums = attendBlocks(this.#model, absorbed, positions, length, this.#stateBlocks);
      return projectSums(this.#model, layer, sums);
    });
  }

  view(): null {
    return null;
  }

  weights(layer: number, queries: Tensor, position: IndexTensor): Tensor {
    const { length } = this.#index;
    if (!this.#absorbs(queries, length)) {
      return weightsOverBlocks(this.#model, queries, position, length, this.#blocks(layer));
    }
    return this.#model.operations.scope(() => {
      const absorbed = absorbIntoQueries(this.#model, layer, queries);
      return weightsOverBlocks(this.#model, absorbed, position, length, this.#stateBlocks);
    });
  }

  fork(ids: IntegerList): IdsStore {
    return new IdsStore(this.#model, ids, this.#index.fork());
  }

  dispose(): void {
    this.#index.dispose();
  }

  /** Whether queries [T, H, C] read the states themselves: by the counts of the first block of those they see. */
  #absorbs(queries: Tensor, visible: number): boolean {
    const { config } = this.#model;
    if (config.positionEmbeddingType === 'rope') return false;
    const count = Math.min(visible, distinctBlockLength);
    const { ids } = distinctIdsOf(this.#ids, 0, count, config.initialStateWindow);
    return absorbsIds(config, queries.shape[0] as number, count, ids.length);
  }

  /** Blocks of keys and values in one layer: rows of distinct ids, or positions. */
  #blocks(layer: number): BlockList {
    const { config } = this.#model;
    return (length) =>
      this.#eachBlock(length, (block) => {
        const { start, count, distinct } = block;
        const rows = distinctIdsFlops(config, count, distinct.ids.length);
        if (rows >= positionsFlops(config, count, distinct.ids.length)) {
          return this.#pages(block, (states, from) => {
            const { keys, values } = blockKeysAndValues(this.#model, layer, states, from);
            return denseContext(keys, values, from);
          });
        }
        const makeView = () => distinctBlockView(this.#model, layer, distinct, start);
        return [{ start, count, lead: leadOf(start, config.initialStateWindow), makeView }];
      });
  }

  /** Blocks of states, as keys and values of one head. */
  readonly #stateBlocks: BlockList = (length) =>
    this.#eachBlock(length, (block) =>
      this.#pages(block, (states, from) => {
        const rows = this.#model.operations.reshape(states, [states.shape[0] as number, 1, states.shape[1] as number]);
        return denseContext(rows, rows, from);
      }),
    );

  *#eachBlock(length: number, parts: (block: Block) => Iterable<ContextBlock>): Iterable<ContextBlock> {
    const { initialStateWindow } = this.#model.config;
    for (let start = 0; start < length; start += distinctBlockLength) {
      const count = Math.min(distinctBlockLength, length - start);
      yield* parts({ start, count, distinct: distinctIdsOf(this.#ids, start, count, initialStateWindow) });
    }
  }

  /** A block by pages of context states [n, D], of which `makeView` makes a view. */
  *#pages(
    { start, count, distinct }: Block,
    makeView: (states: Tensor, from: number) => ContextView,
  ): Iterable<ContextBlock> {
    const { config, operations } = this.#model;
    if (!statesByDistinctIds(config, count, distinct.ids.length)) {
      yield* pageBlocks(start, start + count, (from, length) =>
        makeView(blockContextStates(this.#model, this.#ids, from, length, this.#index), from),
      );
      return;
    }
    const states = statesByIds(this.#model, distinct);
    yield* pageBlocks(start, start + count, (from, length) => {
      const normalised = operations.scope(() =>
        operations.rmsNorm(states.rows(from - start, length), null, config.rmsNormEps),
      );
      return makeView(normalised, from);
    });
    states.dispose();
  }
}

/** Positions, and their ids. */
interface Block {
  readonly start: number;
  readonly count: number;
  readonly distinct: DistinctIds;
}
