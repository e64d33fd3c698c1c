/**
 * What a backend should hold, kept without one: arrays in pages that are shared by forks, and pools of rows. No data, only
 * which pages there are; each is counted once. The rules are those of DESIGN §3.7 and §4, written down a second time so that
 * the ledger has something to be compared with.
 */

/** Entries per page of everything. */
const pageLength = 256;

/** Counts the bytes of pages that somebody holds. */
export class PageCounter {
  bytes = 0;
}

interface Page {
  holders: number;
}

/** An array in pages. */
export class ArrayMirror {
  readonly #counter: PageCounter;
  readonly #pageBytes: number;
  #pages: Page[] = [];
  #length = 0;

  /** `rowBytes`: of one entry, in all arrays that this one stands for. */
  constructor(counter: PageCounter, rowBytes: number) {
    this.#counter = counter;
    this.#pageBytes = pageLength * rowBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of its pages, those that others hold too included. */
  get bytes(): number {
    return this.#pages.length * this.#pageBytes;
  }

  /** Makes it `length` long, dropping pages at the end or adding new ones. */
  resize(length: number): void {
    const pages = Math.ceil(length / pageLength);
    for (const page of this.#pages.splice(pages)) this.#release(page);
    while (this.#pages.length < pages) this.#pages.push(this.#newPage());
    this.#length = length;
  }

  /** A write to [start, end): pages that others hold too are replaced by copies. */
  write(start: number, end: number): void {
    if (start >= end) return;
    for (let number = Math.floor(start / pageLength); number * pageLength < end; number += 1) {
      const page = this.#pages[number] as Page;
      if (page.holders === 1) continue;
      this.#release(page);
      this.#pages[number] = this.#newPage();
    }
  }

  /** The tail page is this array's own from now on. */
  ownTail(): void {
    if (this.#length % pageLength !== 0) this.write(this.#length - 1, this.#length);
  }

  /** Moves what follows `start`: every page from there on is new, unless nothing is moved. */
  splice(start: number, removed: number, inserted: number): void {
    const length = this.#length - removed + inserted;
    if (removed === inserted) return;
    if (start + removed < this.#length || (removed > 0 && inserted > 0)) {
      this.resize(Math.floor(start / pageLength) * pageLength);
    }
    this.resize(length);
  }

  /** Full pages are shared, the tail is a copy. */
  fork(): ArrayMirror {
    const copy = new ArrayMirror(this.#counter, this.#pageBytes / pageLength);
    copy.#pages = this.#pages.slice(0, Math.floor(this.#length / pageLength));
    for (const page of copy.#pages) page.holders += 1;
    copy.resize(this.#length);
    return copy;
  }

  /** Nothing is shared. */
  copy(): ArrayMirror {
    const copy = new ArrayMirror(this.#counter, this.#pageBytes / pageLength);
    copy.resize(this.#length);
    return copy;
  }

  #newPage(): Page {
    this.#counter.bytes += this.#pageBytes;
    return { holders: 1 };
  }

  #release(page: Page): void {
    page.holders -= 1;
    if (page.holders === 0) this.#counter.bytes -= this.#pageBytes;
  }
}

/** Rows counted by their uses, the lowest free ones taken first; a page is held while a row of it is in use. */
export class PoolMirror {
  readonly #counter: PageCounter;
  readonly #pageBytes: number;
  readonly #uses: number[] = [];

  constructor(counter: PageCounter, rowBytes: number) {
    this.#counter = counter;
    this.#pageBytes = pageLength * rowBytes;
  }

  /** Bytes of the pages with rows in use. */
  get bytes(): number {
    const pages = new Set<number>();
    this.#uses.forEach((uses, row) => {
      if (uses > 0) pages.add(Math.floor(row / pageLength));
    });
    return pages.size * this.#pageBytes;
  }

  take(count: number): number[] {
    const before = this.bytes;
    const rows: number[] = [];
    for (let row = 0; rows.length < count; row += 1) {
      if ((this.#uses[row] ?? 0) > 0) continue;
      this.#uses[row] = 1;
      rows.push(row);
    }
    this.#counter.bytes += this.bytes - before;
    return rows;
  }

  /** `change` uses more, or fewer, of each row. */
  use(rows: readonly number[], change: 1 | -1): void {
    const before = this.bytes;
    for (const row of rows) this.#uses[row] = (this.#uses[row] as number) + change;
    this.#counter.bytes += this.bytes - before;
  }
}
