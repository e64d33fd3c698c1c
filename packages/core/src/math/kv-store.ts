/**
 * Context mode `kv`: keys (rotated) and values of every position, per inattention layer. What everybody does, and the
 * mode to compare with. Edits re-project from the edit on, since keys carry their positions.
 */

import type { ContextView } from '../backend/context-view.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { attendView, blockContextStates, blockKeysAndValues, eachBlock, weightsOverView } from './context-blocks.ts';
import type { ContextDType } from './context-mode.ts';
import type { ContextModel } from './context-model.ts';
import type { ContextChange, ContextStore } from './context-store.ts';
import { forkAll } from './fork-all.ts';
import type { IntegerList } from './integer-list.ts';
import { KeyValueCache } from './key-value-cache.ts';
import { contextPageLength } from './page-sizes.ts';
import { PagedArray } from './paged-array.ts';

export class KvStore implements ContextStore {
  readonly mode = 'kv';
  readonly hostByteLength = 0;
  readonly #model: ContextModel;
  readonly #dtype: ContextDType;
  /** i32 ids. */
  readonly #index: PagedArray;
  readonly #caches: ReadonlyMap<number, KeyValueCache>;

  constructor(model: ContextModel, dtype: ContextDType, index = indexArray(model), caches?: readonly KeyValueCache[]) {
    this.#model = model;
    this.#dtype = dtype;
    this.#index = index;
    this.#caches = new Map(
      model.inattentionLayers.map((layer, place) => [
        layer,
        caches?.[place] ?? new KeyValueCache(model.operations, model.config, dtype),
      ]),
    );
  }

  get byteLength(): number {
    return [...this.#caches.values()].reduce((bytes, cache) => bytes + cache.byteLength, this.#index.byteLength);
  }

  apply({ ids, start }: ContextChange): void {
    const { operations } = this.#model;
    this.#truncate(start);
    try {
      this.#index.grow(ids.length);
      this.#index.writeHost(start, ids.slice(start));
      for (const cache of this.#caches.values()) cache.grow(ids.length);
      eachBlock(start, ids.length, (from, count) => {
        operations.scope(() => {
          const states = blockContextStates(this.#model, ids, from, count, this.#index);
          for (const [layer, cache] of this.#caches) {
            operations.scope(() => {
              const { keys, values } = blockKeysAndValues(this.#model, layer, states, from);
              cache.write(from, keys, values);
            });
          }
        });
      });
    } catch (error) {
      this.#truncate(start);
      throw error;
    }
  }

  attend(layer: number, queries: Tensor, positions: IndexTensor): Tensor {
    return attendView(this.#model, queries, positions, this.view(layer));
  }

  view(layer: number): ContextView {
    return (this.#caches.get(layer) as KeyValueCache).view();
  }

  weights(layer: number, queries: Tensor, position: IndexTensor): Tensor {
    return weightsOverView(this.#model, queries, position, this.view(layer));
  }

  fork(_ids: IntegerList): KvStore {
    const [index, ...caches] = forkAll<PagedArray | KeyValueCache>([this.#index, ...this.#caches.values()]);
    return new KvStore(this.#model, this.#dtype, index as PagedArray, caches as KeyValueCache[]);
  }

  dispose(): void {
    this.#index.dispose();
    for (const cache of this.#caches.values()) cache.dispose();
  }

  #truncate(length: number): void {
    this.#index.truncate(length);
    for (const cache of this.#caches.values()) cache.truncate(length);
  }
}

/** The i32 array every mode keeps: ids, or slots of ids, one per position. */
export function indexArray(model: ContextModel): PagedArray {
  return new PagedArray(model.operations, {
    dtype: 'i32',
    rowShape: [],
    pageLength: contextPageLength,
    purpose: 'context',
  });
}
