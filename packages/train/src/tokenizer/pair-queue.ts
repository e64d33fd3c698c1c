/**
 * The neighbouring pairs of a BPE training run: how often each occurs, where, and which one is next.
 *
 * A heap orders them; entries are not moved when a count falls, but put back with their true count when they come to the
 * top. The order is total, and so a training run has one result: the more frequent pair first, among equals the one with
 * the smaller left id, then the smaller right id (the rule of Hugging Face's trainer).
 */

/** Pairs of ids below this fit a number without loss. */
export const maxVocabSize = 2 ** 24;

export interface Pair {
  readonly left: number;
  readonly right: number;
  count: number;
  /** Where it was seen, ascending unless later merges added to it; some may be gone. */
  places: number[];
}

interface Entry {
  readonly pair: Pair;
  /** The pair's count when it was put here: never less than it is now. */
  readonly count: number;
}

export class PairQueue {
  readonly #pairs = new Map<number, Pair>();
  readonly #heap: Entry[] = [];
  /** Pairs whose counts rose since the heap last saw them. */
  readonly #risen = new Set<Pair>();

  /** Counts `count` more of a pair, at one more place. */
  add(left: number, right: number, count: number, place: number): void {
    const key = left * maxVocabSize + right;
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = { left, right, count: 0, places: [] };
      this.#pairs.set(key, pair);
    }
    pair.count += count;
    pair.places.push(place);
    this.#risen.add(pair);
  }

  /** Counts `count` fewer of a pair that was added. Its place is left to whoever reads the places. */
  remove(left: number, right: number, count: number): void {
    const pair = this.#pairs.get(left * maxVocabSize + right);
    if (pair !== undefined) pair.count -= count;
  }

  /** Takes the first pair out; null when no pair occurs. */
  take(): Pair | null {
    for (const pair of this.#risen) this.#push({ pair, count: pair.count });
    this.#risen.clear();
    for (let entry = this.#pop(); entry !== undefined; entry = this.#pop()) {
      const { pair, count } = entry;
      if (this.#pairs.get(pair.left * maxVocabSize + pair.right) !== pair) continue; // an older entry of a pair taken
      if (pair.count === count) {
        if (count <= 0) return null;
        this.#pairs.delete(pair.left * maxVocabSize + pair.right);
        return pair;
      }
      this.#push({ pair, count: pair.count });
    }
    return null;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let child = heap.length;
    heap.push(entry);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!precedes(entry, above)) break;
      heap[child] = above;
      child = parent;
    }
    heap[child] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const [top] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && precedes(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      const below = heap[child] as Entry;
      if (!precedes(below, last)) break;
      heap[parent] = below;
      parent = child;
    }
    heap[parent] = last;
    return top;
  }
}

function precedes(a: Entry, b: Entry): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.pair.left !== b.pair.left ? a.pair.left < b.pair.left : a.pair.right < b.pair.right;
}
