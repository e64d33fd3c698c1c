/**
 * Pages of one list side by side in one tensor, head by head: [G, rows, C]. So a context of any length is read by one
 * product, without being put together first, and an append writes one row per head where it belongs.
 *
 * A run has room for pages to come; it grows by a quarter, into a new tensor. Words, not numbers: an f16 row of C halves is
 * one of C/2 words.
 */

import { elementsOf, type Handle } from '../execution/handle.ts';
import type { TensorOperations } from '../execution/tensor-operations.ts';
import type { DeviceBuffer } from './device-buffer.ts';

export interface RunLayout {
  /** Rows of a page. */
  readonly rowsPerPage: number;
  /** G: parts a row is split into, each part of all rows together. */
  readonly groups: number;
  /** C: words of one part. */
  readonly width: number;
}

export class PageRun {
  readonly layout: RunLayout;
  readonly #operations: TensorOperations;
  /** By slot; null where a page was given back. */
  readonly #pages: (DeviceBuffer | null)[] = [];
  #tensor: Handle | null = null;
  #rows: Handle | null = null;
  #capacity = 0;

  constructor(operations: TensorOperations, layout: RunLayout) {
    this.#operations = operations;
    this.layout = layout;
  }

  /** Slots in use, holes included. */
  get length(): number {
    return this.#pages.length;
  }

  get pages(): readonly (DeviceBuffer | null)[] {
    return this.#pages;
  }

  /** Bytes of the tensor. */
  get bytes(): number {
    return this.#capacity * this.#pageWords * 4;
  }

  /** Bytes of it that belong to pages. */
  get usedBytes(): number {
    return this.#pages.filter((page) => page !== null).length * this.#pageWords * 4;
  }

  /** [G, rows, C], of which rows behind the last page are 0. */
  get tensor(): Handle {
    return this.#tensor as Handle;
  }

  get #pageWords(): number {
    const { rowsPerPage, groups, width } = this.layout;
    return rowsPerPage * groups * width;
  }

  get #capacityRows(): number {
    return this.#capacity * this.layout.rowsPerPage;
  }

  /** The rows of group g are g · capacity … of this [G · rows, C]. */
  get #allRows(): Handle {
    return this.#rows as Handle;
  }

  /** Rows for themselves; those of several heads as [rows, 1, C], in which products with one row come. */
  #rowShape(rows: number): readonly number[] {
    const { groups, width } = this.layout;
    return groups === 1 ? [rows, width] : [rows, 1, width];
  }

  /** Room for `pages` more. */
  reserve(pages: number): void {
    const needed = this.length + pages;
    if (needed <= this.#capacity) return;
    this.#resize(this.#capacity === 0 ? needed : Math.max(needed, Math.ceil(this.#capacity * 1.25)));
  }

  #resize(capacity: number): void {
    const { groups, width, rowsPerPage } = this.layout;
    const { runtime } = this.#operations;
    runtime.scope(() => {
      const old = this.#tensor;
      const added = (capacity - this.#capacity) * rowsPerPage;
      const grown =
        old === null
          ? this.#operations.fill([groups, capacity * rowsPerPage, width], 0)
          : this.#operations.pad(
              old,
              [
                [0, 0],
                [0, added],
                [0, 0],
              ],
              0,
            );
      const rows = this.#operations.reshape(grown, this.#rowShape(groups * capacity * rowsPerPage));
      this.#drop();
      this.#tensor = runtime.keep(grown);
      this.#rows = rows === grown ? grown : runtime.keep(rows);
      this.#capacity = capacity;
    });
  }

  /** Takes in a page with its words [rowsPerPage · G · C], or null where nothing was written yet. Returns its slot. */
  append(page: DeviceBuffer, words: Handle | null): number {
    this.reserve(1);
    const slot = this.#pages.length;
    this.#pages.push(page);
    if (words !== null) this.write(slot, 0, words);
    return slot;
  }

  /** Overwrites rows from `row` of a page on with words [n, G, C]. */
  write(slot: number, row: number, words: Handle): void {
    const { rowsPerPage, groups, width } = this.layout;
    const { runtime } = this.#operations;
    runtime.scope(() => {
      const count = elementsOf(words.shape) / (groups * width);
      const first = slot * rowsPerPage + row;
      const byGroup =
        groups === 1 || count === 1
          ? words
          : this.#operations.transpose(this.#operations.reshape(words, [count, groups, width]), [1, 0, 2]); // [G, n, C]
      const places = new Int32Array(groups * count);
      for (let group = 0; group < groups; group += 1) {
        for (let i = 0; i < count; i += 1) places[group * count + i] = group * this.#capacityRows + first + i;
      }
      const rows = places.length <= 64 ? runtime.integers([...places]) : runtime.upload(places, [places.length]);
      const values = this.#operations.reshape(byGroup, this.#rowShape(groups * count));
      this.#operations.inPlace('InplaceUpdate', this.#allRows, rows, values);
    });
  }

  /** Rows [row, row + count) from a slot on, [G, count, C]; perhaps the run's own memory. */
  read(slot: number, row: number, count: number): Handle {
    const { rowsPerPage, groups, width } = this.layout;
    const first = slot * rowsPerPage + row;
    if (first === 0 && count === this.#capacityRows) return this.tensor;
    if (groups === 1) {
      const part = this.#operations.slice(this.#allRows, [first, 0], [count, width]);
      return this.#operations.reshape(part, [1, count, width]);
    }
    return this.#operations.slice(this.tensor, [0, first, 0], [groups, count, width]);
  }

  /** Rows by their number in the run, [n, G · C]; runs of one group only. */
  gather(rows: Handle): Handle {
    return this.#operations.gather(this.#allRows, rows);
  }

  /** Rows that the tensor has. */
  get capacityRows(): number {
    return this.#capacityRows;
  }

  /** The words of one page in the order of a buffer, [rowsPerPage, G, C]; memory of their own. */
  pageWords(slot: number): Handle {
    const { rowsPerPage, groups } = this.layout;
    const part = this.read(slot, 0, rowsPerPage);
    const ordered = groups === 1 ? part : this.#operations.transpose(part, [1, 0, 2]);
    return ordered.memory === 'own' ? ordered : this.#operations.copy(ordered);
  }

  /** Forgets a page. Slots at the end are free again; the tensor goes with the last page. */
  remove(slot: number): void {
    this.#pages[slot] = null;
    while (this.#pages.length > 0 && this.#pages.at(-1) === null) this.#pages.pop();
    if (this.#pages.length > 0) return;
    this.#drop();
    this.#capacity = 0;
  }

  #drop(): void {
    const { runtime } = this.#operations;
    if (this.#rows !== null && this.#rows !== this.#tensor) runtime.delete(this.#rows);
    if (this.#tensor !== null) runtime.delete(this.#tensor);
    this.#tensor = null;
    this.#rows = null;
  }
}
