/**
 * Context mode `ids`: nothing but ids. Keys and values come block by block while attending, from the states of its
 * positions or from the rows of its distinct ids, whichever is less work. Memory is the least and work per step the most.
 */

import type { ContextView } from '../backend/context-view.ts';
import { denseContext } from '../operations/eager-operations.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  attendBlocks,
  type BlockList,
  blockContextStates,
  blockKeysAndValues,
  type ContextBlock,
  pageBlocks,
  weightsOverBlocks,
} from './context-blocks.ts';
import { distinctIdsFlops, positionsFlops } from './context-cost.ts';
import type { ContextModel } from './context-model.ts';
import type { ContextChange, ContextStore } from './context-store.ts';
import { distinctBlockView, distinctIdsOf, leadOf } from './distinct-block.ts';
import type { IntegerList } from './integer-list.ts';
import { indexArray } from './kv-store.ts';
import { distinctBlockLength } from './page-sizes.ts';
import type { PagedArray } from './paged-array.ts';

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

  apply({ ids, start, removed, inserted }: ContextChange): void {
    this.#model.work.movedBytes += this.#index.splice(start, removed.length, inserted);
    this.#index.writeHost(start, ids.slice(start, start + inserted));
    this.#ids = ids;
  }

  attend(layer: number, queries: Tensor, positions: IndexTensor): Tensor {
    return attendBlocks(this.#model, queries, positions, this.#index.length, this.#blocks(layer));
  }

  weights(layer: number, queries: Tensor, position: IndexTensor): Tensor {
    return weightsOverBlocks(this.#model, queries, position, this.#index.length, this.#blocks(layer));
  }

  fork(ids: IntegerList): IdsStore {
    return new IdsStore(this.#model, ids, this.#index.fork());
  }

  dispose(): void {
    this.#index.dispose();
  }

  #blocks(layer: number): BlockList {
    return (length) => this.#blocksOf(layer, length);
  }

  *#blocksOf(layer: number, length: number): Iterable<ContextBlock> {
    const { config } = this.#model;
    const window = config.initialStateWindow;
    for (let start = 0; start < length; start += distinctBlockLength) {
      const count = Math.min(distinctBlockLength, length - start);
      const distinct = distinctIdsOf(this.#ids, start, count, window);
      if (distinctIdsFlops(config, count, distinct.ids.length) < positionsFlops(config, count)) {
        const makeView = () => distinctBlockView(this.#model, layer, distinct, start);
        yield { start, count, lead: leadOf(start, window), makeView };
      } else {
        yield* pageBlocks(start, start + count, (from, length) => this.#pageView(layer, from, length));
      }
    }
  }

  #pageView(layer: number, start: number, count: number): ContextView {
    const states = blockContextStates(this.#model, this.#ids, start, count, this.#index);
    const { keys, values } = blockKeysAndValues(this.#model, layer, states, start);
    return denseContext(keys, values, start);
  }
}
