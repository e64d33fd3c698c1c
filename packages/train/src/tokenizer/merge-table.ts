/**
 * The words of a training run as ids, and merging in them. All distinct words lie one after the other in one array; the
 * ids of a word are linked, so that a merge costs what it changes: the places of the pair, however long the words are.
 */

import { type Pair, PairQueue } from './pair-queue.ts';

const gone = -1;
const none = -1;

export class MergeTable {
  readonly queue = new PairQueue();
  /** Id by place; `gone` where a merge took it. */
  readonly #ids: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #wordOf: Int32Array;
  readonly #counts: Float64Array;

  /** @param idOfByte the id of each byte */
  constructor(words: ReadonlyMap<string, number>, idOfByte: readonly number[]) {
    const encoder = new TextEncoder();
    const encoded = [...words.keys()].map((word) => encoder.encode(word));
    const length = encoded.reduce((sum, { length: bytes }) => sum + bytes, 0);
    this.#ids = new Int32Array(length);
    this.#next = new Int32Array(length).fill(none);
    this.#previous = new Int32Array(length).fill(none);
    this.#wordOf = new Int32Array(length);
    this.#counts = Float64Array.from(words.values());
    let place = 0;
    encoded.forEach((bytes, word) => {
      const start = place;
      for (const byte of bytes) {
        const id = idOfByte[byte] as number;
        this.#ids[place] = id;
        this.#wordOf[place] = word;
        if (place > start) {
          this.#previous[place] = place - 1;
          this.#next[place - 1] = place;
          this.queue.add(this.#ids[place - 1] as number, id, this.#counts[word] as number, place - 1);
        }
        place += 1;
      }
    });
  }

  /** Puts `merged` for every occurrence of the pair, in each word from left to right. */
  merge({ left, right, places }: Pair, merged: number): void {
    const ids = this.#ids;
    for (const place of places.sort((a, b) => a - b)) {
      const second = this.#next[place] as number;
      if (ids[place] !== left || second === none || ids[second] !== right) continue;
      const count = this.#counts[this.#wordOf[place] as number] as number;
      const before = this.#previous[place] as number;
      const after = this.#next[second] as number;
      ids[place] = merged;
      ids[second] = gone;
      this.#next[place] = after;
      if (before !== none) {
        this.queue.remove(ids[before] as number, left, count);
        this.queue.add(ids[before] as number, merged, count, before);
      }
      if (after !== none) {
        this.#previous[after] = place;
        this.queue.remove(right, ids[after] as number, count);
        this.queue.add(merged, ids[after] as number, count, place);
      }
    }
  }
}
