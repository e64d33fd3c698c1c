/** Keys (rotated) and values by position, in shared pages: one layer of a KV cache. */

import type { ContextView } from '../backend/context-view.ts';
import type { EagerOperations } from '../operations/eager-operations.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ContextDType } from './context-mode.ts';
import { forkAll } from './fork-all.ts';
import type { ModelConfig } from './model-config.ts';
import { contextPageLength } from './page-sizes.ts';
import { PagedArray } from './paged-array.ts';

export class KeyValueCache {
  readonly #operations: EagerOperations;
  readonly #config: ModelConfig;
  readonly #dtype: ContextDType;
  readonly #keys: PagedArray;
  readonly #values: PagedArray;

  constructor(
    operations: EagerOperations,
    config: ModelConfig,
    dtype: ContextDType,
    arrays: readonly PagedArray[] = emptyArrays(operations, config, dtype),
  ) {
    this.#operations = operations;
    this.#config = config;
    this.#dtype = dtype;
    [this.#keys, this.#values] = arrays as readonly [PagedArray, PagedArray];
  }

  get length(): number {
    return this.#keys.length;
  }

  get byteLength(): number {
    return this.#keys.byteLength + this.#values.byteLength;
  }

  grow(length: number): void {
    this.#keys.grow(length);
    this.#values.grow(length);
  }

  /** Overwrites positions from `start` on with f32 [n, G, C], converted to the cache's dtype. */
  write(start: number, keys: Tensor, values: Tensor): void {
    this.#operations.scope(() => {
      this.#keys.write(start, this.#operations.cast(keys, this.#dtype));
      this.#values.write(start, this.#operations.cast(values, this.#dtype));
    });
  }

  truncate(length: number): void {
    this.#keys.truncate(length);
    this.#values.truncate(length);
  }

  view(): ContextView {
    const pages = this.#keys.pages.map((keys, page) => ({ keys, values: this.#values.pages[page] as Tensor }));
    return {
      length: this.length,
      firstPosition: 0,
      kvHeads: this.#config.numKeyValueHeads,
      headDim: this.#config.headDim,
      window: 1,
      rows: { pages, rowsPerPage: contextPageLength },
      pageLength: contextPageLength,
      index: null,
      scale: null,
      positionRows: null,
      rope: null,
    };
  }

  fork(): KeyValueCache {
    const arrays = forkAll([this.#keys, this.#values]);
    return new KeyValueCache(this.#operations, this.#config, this.#dtype, arrays);
  }

  dispose(): void {
    this.truncate(0);
  }
}

function emptyArrays(operations: EagerOperations, config: ModelConfig, dtype: ContextDType): PagedArray[] {
  const rowShape = [config.numKeyValueHeads, config.headDim];
  const options = { dtype, rowShape, pageLength: contextPageLength, purpose: 'context' } as const;
  return [new PagedArray(operations, options), new PagedArray(operations, options)];
}
