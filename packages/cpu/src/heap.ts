/**
 * Memory of the CPU backend: one WebAssembly memory that only grows, and a best-fit free list in it. Blocks are
 * aligned to 64 bytes and merge with their neighbours when freed. The ledger is exact: live + reserved is the size of
 * the memory.
 */

import {
  DisposedError,
  FreeBlocks,
  InvalidArgumentError,
  type Ledger,
  OutOfMemoryError,
  type Purpose,
} from '@inattention/core';

const alignment = 64;
const pageBytes = 65536;

/** A WebAssembly memory ends here: 65,536 pages of 64 KiB. */
export const maxMemoryBytes = 4 * 1024 ** 3;

/** Bytes below the heap: the kernels' constants. */
const heapStart = 65536;

/** Memory grows by at least this much at a time. */
const growthBytes = 1 << 20;

/** A block of the heap, as the contract's BackendBuffer. */
export class WasmBuffer {
  readonly heap: Heap;
  readonly offset: number;
  readonly byteLength: number;
  /** Bytes of the block: byteLength rounded up. */
  readonly blockLength: number;
  readonly purpose: Purpose;
  freed = false;

  constructor(heap: Heap, offset: number, byteLength: number, blockLength: number, purpose: Purpose) {
    this.heap = heap;
    this.offset = offset;
    this.byteLength = byteLength;
    this.blockLength = blockLength;
    this.purpose = purpose;
  }
}

export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly ledger: Ledger;
  readonly maxBytes: number;
  readonly #free = new FreeBlocks();
  /** Bytes asked for and not given back: what the ledger counts as live. */
  #liveBytes = 0;
  /** Bytes of blocks in use. */
  #usedBytes = 0;

  /** `shared`: between threads. */
  constructor(ledger: Ledger, maxBytes: number, shared = false) {
    const maximum = Math.floor(maxBytes / pageBytes);
    if (!(maximum >= 2 && maxBytes <= maxMemoryBytes)) {
      throw new InvalidArgumentError({
        what: 'maxBytes is not a size a WebAssembly memory can have.',
        got: String(maxBytes),
        expected: `${2 * pageBytes} … ${maxMemoryBytes}`,
      });
    }
    this.ledger = ledger;
    this.maxBytes = maximum * pageBytes;
    this.memory = new WebAssembly.Memory({ initial: 2, maximum, shared });
    this.#free.add(heapStart, 2 * pageBytes - heapStart);
    this.#updateReserved();
  }

  /** The memory's bytes; valid until the next allocation. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  /** Bytes that could still be allocated, if they need not be in one piece. */
  get availableBytes(): number {
    return this.maxBytes - heapStart - this.#usedBytes;
  }

  /** Takes a block, contents undefined. Throws OutOfMemoryError with nothing changed. */
  allocate(byteLength: number, purpose: Purpose): WasmBuffer {
    const length = Math.max(alignment, Math.ceil(byteLength / alignment) * alignment);
    let offset = this.#free.take(length);
    if (offset === -1) {
      this.#grow(length - this.#tailLength, length);
      offset = this.#free.take(length);
    }
    const buffer = new WasmBuffer(this, offset, byteLength, length, purpose);
    this.#usedBytes += length;
    this.#count(purpose, byteLength);
    return buffer;
  }

  free(buffer: WasmBuffer): void {
    if (buffer.freed) throw new DisposedError({ what: 'A CPU buffer was freed twice.' });
    buffer.freed = true;
    const { offset, blockLength: length } = buffer;
    this.#free.add(offset, length);
    this.#usedBytes -= length;
    this.#count(buffer.purpose, -buffer.byteLength);
  }

  /** Grows the memory until `byteLength` free bytes exist. Throws OutOfMemoryError. */
  reserve(byteLength: number): void {
    const free = this.memory.buffer.byteLength - heapStart - this.#usedBytes;
    if (byteLength > free) this.#grow(byteLength - free, byteLength);
  }

  /** Free bytes at the end of the memory. */
  get #tailLength(): number {
    return this.#free.lengthBefore(this.memory.buffer.byteLength);
  }

  /** Adds at least `needed` bytes to the end of the memory; `asked` is what the caller wanted, for the error. */
  #grow(needed: number, asked: number): void {
    const size = this.memory.buffer.byteLength;
    const room = this.maxBytes - size;
    const bytes = Math.ceil(Math.min(Math.max(needed, growthBytes), Math.max(room, needed)) / pageBytes) * pageBytes;
    if (needed > room || !this.#growMemory(bytes)) {
      throw new OutOfMemoryError({
        what: 'The CPU backend is out of memory.',
        got: `a request for ${asked} bytes`,
        expected: `at most ${this.availableBytes} bytes (${this.maxBytes} in all, one WebAssembly memory)`,
        fix: 'shorten the context, choose a smaller context mode or f16, or use another backend',
        requestedBytes: asked,
        availableBytes: this.availableBytes,
      });
    }
    this.#free.add(size, bytes);
    this.#updateReserved();
  }

  #growMemory(bytes: number): boolean {
    try {
      this.memory.grow(bytes / pageBytes);
      return true;
    } catch {
      return false; // the engine's RangeError: address space or commit limit
    }
  }

  /** Live bytes move between the ledger's rows: less reserved first when they grow, so that no peak counts them twice. */
  #count(purpose: Purpose, bytes: number): void {
    this.#liveBytes += bytes;
    if (bytes > 0) this.#updateReserved();
    this.ledger.addLive(purpose, bytes);
    if (bytes <= 0) this.#updateReserved();
  }

  #updateReserved(): void {
    this.ledger.setReserved(this.memory.buffer.byteLength - this.#liveBytes);
  }
}
