/**
 * Integers of a context on the host (ids, slots): growable, editable, counted in the ledger's host row. They lie in pages,
 * so that growing costs what is added, however long the list is.
 */

import type { Ledger } from '../ledger/ledger.ts';
import type { IdSequence } from './initial-state.ts';
import { contextPageLength, pageCount } from './page-sizes.ts';

const pageBytes = contextPageLength * Int32Array.BYTES_PER_ELEMENT;

export class IntegerList implements IdSequence {
  readonly #ledger: Ledger;
  readonly #pages: Int32Array[] = [];
  #length = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  get length(): number {
    return this.#length;
  }

  /** Host bytes held. */
  get byteLength(): number {
    return this.#pages.length * pageBytes;
  }

  /** The value at `position`, below the length: beyond it, as after `dispose`, there is nothing, as in a typed array. */
  at(position: number): number {
    const number = Math.floor(position / contextPageLength);
    return this.#pages[number]?.[position - number * contextPageLength] as number;
  }

  /** A copy of values [start, end). */
  slice(start = 0, end = this.#length): Int32Array {
    const values = new Int32Array(Math.max(0, Math.min(end, this.#length) - start));
    this.#eachPiece(start, values.length, (page, from, to, done) => {
      values.set(page.subarray(from, to), done);
    });
    return values;
  }

  /** Replaces values [start, start + deleteCount) by `inserted`. */
  splice(start: number, deleteCount: number, inserted: Int32Array): void {
    const moves = deleteCount !== inserted.length;
    const later = moves ? this.slice(start + deleteCount) : new Int32Array(0);
    this.#resize(this.#length - deleteCount + inserted.length);
    this.#write(start, inserted);
    this.#write(start + inserted.length, later);
  }

  fork(): IntegerList {
    const copy = new IntegerList(this.#ledger);
    copy.#resize(this.#length);
    copy.#pages.forEach((page, number) => {
      page.set(this.#pages[number] as Int32Array);
    });
    return copy;
  }

  dispose(): void {
    this.#resize(0);
  }

  #write(start: number, values: Int32Array): void {
    this.#eachPiece(start, values.length, (page, from, to, done) => {
      page.set(values.subarray(done, done + to - from), from);
    });
  }

  /** Calls `visit` for the part of [start, start + count) in each page: its place there, and what came before. */
  #eachPiece(
    start: number,
    count: number,
    visit: (page: Int32Array, from: number, to: number, done: number) => void,
  ): void {
    for (let done = 0; done < count; ) {
      const number = Math.floor((start + done) / contextPageLength);
      const from = start + done - number * contextPageLength;
      const to = Math.min(contextPageLength, from + count - done);
      visit(this.#pages[number] as Int32Array, from, to, done);
      done += to - from;
    }
  }

  #resize(length: number): void {
    const before = this.#pages.length;
    const pages = pageCount(length, contextPageLength);
    const added: Int32Array[] = [];
    while (before + added.length < pages) added.push(new Int32Array(contextPageLength)); // may throw: nothing has changed yet
    this.#pages.length = Math.min(pages, before);
    for (const page of added) this.#pages.push(page);
    this.#length = length;
    this.#ledger.addHost((pages - before) * pageBytes);
  }
}
