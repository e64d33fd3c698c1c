/**
 * Test support: which pages a context holds, without their contents. What PagedArray and StatePool promise of sharing,
 * told again in the plainest way: pages are objects, live bytes are the distinct ones.
 */

import { contextPageLength, pageCount } from '@inattention/core/math';

const pageLength = contextPageLength;

interface Page {
  /** Arrays that hold it. */
  owners: number;
}

/** An array in pages: forks share full pages, a write to a shared page makes another of it. */
export class ArrayMirror {
  /** Bytes of a page. */
  readonly pageBytes: number;
  #pages: Page[] = [];
  #length = 0;

  constructor(pageBytes: number) {
    this.pageBytes = pageBytes;
  }

  get length(): number {
    return this.#length;
  }

  get byteLength(): number {
    return this.#pages.length * this.pageBytes;
  }

  get pages(): readonly object[] {
    return this.#pages;
  }

  grow(length: number): void {
    this.#length = Math.max(this.#length, length);
    while (this.#pages.length < pageCount(this.#length, pageLength)) this.#pages.push({ owners: 1 });
  }

  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
    for (const page of this.#pages.splice(pageCount(this.#length, pageLength))) page.owners -= 1;
  }

  write(start: number, count: number): void {
    if (count === 0) return;
    for (let number = Math.floor(start / pageLength); number * pageLength < start + count; number += 1) {
      const page = this.#pages[number] as Page;
      if (page.owners === 1) continue;
      page.owners -= 1;
      this.#pages[number] = { owners: 1 };
    }
  }

  /** Rows from `start` on move, unless as many come as go; pages they lie in are new ones. */
  splice(start: number, removed: number, inserted: number): void {
    if (removed === inserted) return;
    const length = this.#length - removed + inserted;
    const moved = this.#length - start - removed;
    if (moved > 0 || (removed > 0 && inserted > 0)) this.truncate(Math.floor(start / pageLength) * pageLength);
    this.truncate(length);
    this.grow(length);
  }

  fork(): ArrayMirror {
    const copy = new ArrayMirror(this.pageBytes);
    copy.#pages = this.#pages.slice(0, Math.floor(this.#length / pageLength));
    for (const page of copy.#pages) page.owners += 1;
    copy.grow(this.#length);
    return copy;
  }
}

/** Rows of states, the lowest free ones first; a page is held while a row of it is used. */
export class PoolMirror {
  /** Bytes of a page. */
  readonly pageBytes: number;
  readonly #uses = new Map<number, number>();

  constructor(pageBytes: number) {
    this.pageBytes = pageBytes;
  }

  get byteLength(): number {
    return new Set([...this.#uses.keys()].map((row) => Math.floor(row / pageLength))).size * this.pageBytes;
  }

  acquire(count: number): number[] {
    const rows: number[] = [];
    for (let row = 0; rows.length < count; row += 1) if (!this.#uses.has(row)) rows.push(row);
    this.use(rows);
    return rows;
  }

  use(rows: readonly number[]): void {
    for (const row of rows) this.#uses.set(row, (this.#uses.get(row) ?? 0) + 1);
  }

  release(rows: readonly number[]): void {
    for (const row of rows) {
      const uses = (this.#uses.get(row) as number) - 1;
      if (uses === 0) this.#uses.delete(row);
      else this.#uses.set(row, uses);
    }
  }
}
