/** Keys (rotated) and values by position, in shared pages: one layer of a KV cache. */

import type { ContextView } from '../backend/context-view.ts';
import type { EagerOperations } from '../operations/eager-operations.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ContextDType } from './context-mode.ts';
import { KeyValueRows } from './key-value-rows.ts';
import type { ModelConfig } from './model-config.ts';
import { contextPageLength } from './page-sizes.ts';

export class KeyValueCache {
  readonly #operations: EagerOperations;
  readonly #config: ModelConfig;
  readonly #dtype: ContextDType;
  readonly #rows: KeyValueRows;

  constructor(operations: EagerOperations, config: ModelConfig, dtype: ContextDType, rows?: KeyValueRows) {
    this.#operations = operations;
    this.#config = config;
    this.#dtype = dtype;
    const rowShape = [config.numKeyValueHeads, config.headDim];
    const options = { dtype, rowShape, pageLength: contextPageLength, purpose: 'context' } as const;
    this.#rows = rows ?? KeyValueRows.create(operations, options);
  }

  get length(): number {
    return this.#rows.length;
  }

  get byteLength(): number {
    return this.#rows.byteLength;
  }

  grow(length: number): void {
    this.#rows.grow(length);
  }

  /** Overwrites positions from `start` on with f32 [n, G, C], converted to the cache's dtype. */
  write(start: number, keys: Tensor, values: Tensor): void {
    this.#operations.scope(() => {
      const stored = (tensor: Tensor) => (this.#dtype === 'f32' ? tensor : this.#operations.cast(tensor, this.#dtype));
      this.#rows.write(start, stored(keys), stored(values));
    });
  }

  truncate(length: number): void {
    this.#rows.truncate(length);
  }

  view(): ContextView {
    return {
      length: this.length,
      firstPosition: 0,
      kvHeads: this.#config.numKeyValueHeads,
      headDim: this.#config.headDim,
      window: 1,
      rows: this.#rows.paged,
      pageLength: contextPageLength,
      index: null,
      scale: null,
      positionRows: null,
      rope: null,
    };
  }

  fork(): KeyValueCache {
    return new KeyValueCache(this.#operations, this.#config, this.#dtype, this.#rows.fork());
  }

  dispose(): void {
    this.#rows.dispose();
  }
}
