/** Keys and values kept in two arrays of the same shape: rows of a table, or positions of a KV cache. */

import type { PagedRows } from '../backend/context-view.ts';
import type { EagerOperations } from '../operations/eager-operations.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { forkAll } from './fork-all.ts';
import { PagedArray, type PagedArrayOptions } from './paged-array.ts';

export class KeyValueRows {
  readonly keys: PagedArray;
  readonly values: PagedArray;
  #paged: PagedRows | null = null;
  #keyPages: readonly Tensor[] | null = null;
  #valuePages: readonly Tensor[] | null = null;

  private constructor(keys: PagedArray, values: PagedArray) {
    this.keys = keys;
    this.values = values;
  }

  static create(operations: EagerOperations, options: PagedArrayOptions): KeyValueRows {
    return new KeyValueRows(new PagedArray(operations, options), new PagedArray(operations, options));
  }

  get length(): number {
    return this.keys.length;
  }

  get byteLength(): number {
    return this.keys.byteLength + this.values.byteLength;
  }

  /** The rows as attention reads them; the same object until pages change. */
  get paged(): PagedRows {
    const { pages: keyPages } = this.keys;
    const { pages: valuePages } = this.values;
    if (this.#paged === null || keyPages !== this.#keyPages || valuePages !== this.#valuePages) {
      const pages = keyPages.map((keys, page) => ({ keys, values: valuePages[page] as Tensor }));
      this.#paged = { pages, rowsPerPage: this.keys.pageLength };
      this.#keyPages = keyPages;
      this.#valuePages = valuePages;
    }
    return this.#paged;
  }

  grow(length: number): void {
    const before = this.length;
    this.keys.grow(length);
    try {
      this.values.grow(length);
    } catch (error) {
      this.keys.truncate(before);
      throw error;
    }
  }

  truncate(length: number): void {
    this.keys.truncate(length);
    this.values.truncate(length);
  }

  /** Overwrites rows from `start` on with keys and values [n, G, C] of the arrays' dtype. */
  write(start: number, keys: Tensor, values: Tensor): void {
    this.keys.write(start, keys);
    this.values.write(start, values);
  }

  fork(): KeyValueRows {
    const [keys, values] = forkAll([this.keys, this.values]) as [PagedArray, PagedArray];
    return new KeyValueRows(keys, values);
  }

  dispose(): void {
    this.truncate(0);
  }
}
