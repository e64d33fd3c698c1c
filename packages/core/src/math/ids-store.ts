/**
 * Context mode `ids`: nothing but ids. States, keys and values come block by block while attending, so memory is the
 * least and work per step the most.
 */

import type { ContextView } from '../backend/context-view.ts';
import { denseContext } from '../operations/eager-operations.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { attendBlocks, blockContextStates, blockKeysAndValues, weightsOverBlocks } from './context-blocks.ts';
import type { ContextModel } from './context-model.ts';
import type { ContextChange, ContextStore } from './context-store.ts';
import type { IntegerList } from './integer-list.ts';
import { indexArray } from './kv-store.ts';
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
    return attendBlocks(this.#model, queries, positions, this.#index.length, this.#blockView(layer));
  }

  weights(layer: number, queries: Tensor, position: IndexTensor): Tensor {
    return weightsOverBlocks(this.#model, queries, position, this.#index.length, this.#blockView(layer));
  }

  fork(ids: IntegerList): IdsStore {
    return new IdsStore(this.#model, ids, this.#index.fork());
  }

  dispose(): void {
    this.#index.dispose();
  }

  #blockView(layer: number): (start: number, count: number) => ContextView {
    return (start, count) => {
      const states = blockContextStates(this.#model, this.#ids, start, count, this.#index);
      const { keys, values } = blockKeysAndValues(this.#model, layer, states, start);
      return denseContext(keys, values, start);
    };
  }
}
