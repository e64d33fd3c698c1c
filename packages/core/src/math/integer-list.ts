/** Integers of a context on the host (ids, slots): growable, editable, counted in the ledger's host row in whole pages. */

import type { Ledger } from '../ledger/ledger.ts';
import type { IdSequence } from './initial-state.ts';
import { contextPageLength, pageCount } from './page-sizes.ts';

export class IntegerList implements IdSequence {
  readonly #ledger: Ledger;
  #values = new Int32Array(0);
  #length = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  get length(): number {
    return this.#length;
  }

  /** Host bytes held. */
  get byteLength(): number {
    return this.#values.byteLength;
  }

  at(position: number): number {
    return this.#values[position] as number;
  }

  /** A copy of values [start, end). */
  slice(start = 0, end = this.#length): Int32Array {
    return this.#values.slice(start, Math.min(end, this.#length));
  }

  /** Replaces values [start, start + deleteCount) by `inserted`. */
  splice(start: number, deleteCount: number, inserted: Int32Array): void {
    const length = this.#length - deleteCount + inserted.length;
    const source = this.#values;
    this.#resize(length);
    if (this.#values !== source) this.#values.set(source.subarray(0, Math.min(start, length)));
    this.#values.set(source.subarray(start + deleteCount, this.#length), start + inserted.length);
    this.#values.set(inserted, start);
    this.#length = length;
  }

  fork(): IntegerList {
    const copy = new IntegerList(this.#ledger);
    copy.splice(0, 0, this.slice());
    return copy;
  }

  dispose(): void {
    this.splice(0, this.#length, new Int32Array(0));
  }

  #resize(length: number): void {
    const capacity = pageCount(length, contextPageLength) * contextPageLength;
    if (capacity === this.#values.length) return;
    const values = new Int32Array(capacity); // may throw: nothing has changed yet
    this.#ledger.addHost(values.byteLength - this.#values.byteLength);
    this.#values = values;
  }
}
