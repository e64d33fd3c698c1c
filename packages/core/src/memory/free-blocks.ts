/**
 * The free blocks of a stretch of memory, for backends that give out parts of something larger (a heap, a slab). Best
 * fit; neighbours merge. It knows offsets and lengths only: what they are offsets into is its owner's.
 */

interface FreeBlock {
  offset: number;
  length: number;
}

export class FreeBlocks {
  /** Sorted by offset; never adjacent to one another. */
  readonly #blocks: FreeBlock[] = [];

  /** Adds a block that was not free before: taken and given back, or newly there. */
  add(offset: number, length: number): void {
    const place = this.#placeOf(offset);
    const before = this.#blocks[place - 1];
    const after = this.#blocks[place];
    const joinsBefore = before !== undefined && before.offset + before.length === offset;
    const joinsAfter = after !== undefined && offset + length === after.offset;
    if (joinsBefore && joinsAfter) {
      before.length += length + after.length;
      this.#blocks.splice(place, 1);
    } else if (joinsBefore) {
      before.length += length;
    } else if (joinsAfter) {
      after.offset = offset;
      after.length += length;
    } else {
      this.#blocks.splice(place, 0, { offset, length });
    }
  }

  /** Takes `length` from the smallest block that has it; returns the offset, or -1 when none has. */
  take(length: number): number {
    const place = this.#bestFit(length);
    const block = this.#blocks[place];
    if (block === undefined) return -1;
    const { offset } = block;
    if (block.length === length) {
      this.#blocks.splice(place, 1);
    } else {
      block.offset += length;
      block.length -= length;
    }
    return offset;
  }

  /** Length of the free block that ends at `end`; 0 when there is none. */
  lengthBefore(end: number): number {
    const last = this.#blocks[this.#placeOf(end) - 1];
    return last !== undefined && last.offset + last.length === end ? last.length : 0;
  }

  /** The place of the smallest sufficient block; -1 when there is none. */
  #bestFit(length: number): number {
    let best = -1;
    let bestLength = Number.POSITIVE_INFINITY;
    for (let place = 0; place < this.#blocks.length; place += 1) {
      const candidate = (this.#blocks[place] as FreeBlock).length;
      if (candidate >= length && candidate < bestLength) {
        best = place;
        bestLength = candidate;
        if (candidate === length) break;
      }
    }
    return best;
  }

  /** Where a block at `offset` belongs in the sorted list. */
  #placeOf(offset: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle] as FreeBlock).offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
