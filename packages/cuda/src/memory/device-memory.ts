/**
 * Allocations on the device: what is asked for is live, what is kept beside it (room for pages to come, small constants) is
 * reserved, tensors that kernels need for the moment are scratch. The ledger's sum is the bytes of TensorFlow's tensors,
 * allocations counted from the moment they are made.
 */

import {
  type BackendBuffer,
  DisposedError,
  InvalidArgumentError,
  type Ledger,
  OutOfMemoryError,
  type Purpose,
  type TensorView,
} from '@inattention/core';
import { elementsOf, type Handle } from '../execution/handle.ts';
import type { TensorOperations } from '../execution/tensor-operations.ts';
import { DeviceBuffer } from './device-buffer.ts';
import type { PageRun } from './page-run.ts';

export interface MemoryLimits {
  readonly maxBufferBytes: number;
  readonly maxTotalBytes: number;
}

/** Other shapes of a buffer's words that are kept. */
const maxAliases = 4;

export class DeviceMemory {
  readonly operations: TensorOperations;
  readonly limits: MemoryLimits;
  readonly runs = new Set<PageRun>();
  readonly #ledger: Ledger;
  readonly #buffers = new Set<DeviceBuffer>();
  /** Bytes kept by caches of kernels. */
  #cachedBytes = 0;
  #disposed = false;

  constructor(operations: TensorOperations, ledger: Ledger, limits: MemoryLimits) {
    this.operations = operations;
    this.#ledger = ledger;
    this.limits = limits;
    operations.runtime.onReserve = () => this.updateReserved();
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  expectAlive(): void {
    if (this.#disposed) throw new DisposedError({ what: 'The CUDA backend was used after it was disposed of.' });
  }

  allocate(byteLength: number, purpose: Purpose): DeviceBuffer {
    this.expectAlive();
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new InvalidArgumentError({ what: 'An allocation needs a whole number of bytes.', got: String(byteLength) });
    }
    const rounded = Math.ceil(byteLength / 4) * 4;
    this.expectRoom(rounded);
    const buffer = new DeviceBuffer(this, rounded, purpose);
    this.#buffers.add(buffer);
    this.#ledger.addLive(purpose, rounded);
    return buffer;
  }

  /** Throws OutOfMemoryError unless `byteLength` more bytes may be taken. */
  expectRoom(byteLength: number): void {
    const { maxBufferBytes, maxTotalBytes } = this.limits;
    const { liveTotal, reserved } = this.#ledger.snapshot();
    const availableBytes = Math.min(maxBufferBytes, maxTotalBytes - liveTotal - reserved);
    if (byteLength <= availableBytes) return;
    throw new OutOfMemoryError({
      what: 'The CUDA backend may not take that much memory.',
      got: `a request for ${byteLength} bytes`,
      expected: `at most ${availableBytes}`,
      fix: 'use a smaller context, another context mode, or a larger maxBytes',
      requestedBytes: byteLength,
      availableBytes,
    });
  }

  free(buffer: BackendBuffer): void {
    const own = this.#own(buffer);
    if (this.#disposed) return;
    if (!own.alive) throw new DisposedError({ what: 'A buffer of the CUDA backend was freed twice.' });
    this.#clear(own);
    this.#leave(own);
    for (const told of own.onFree) told();
    own.alive = false;
    own.integers = null;
    this.#buffers.delete(own);
    this.#ledger.addLive(own.purpose, -own.byteLength);
    this.updateReserved();
  }

  /** The buffer of a view or of the caller, alive and of this backend. */
  buffer(buffer: BackendBuffer): DeviceBuffer {
    this.expectAlive();
    const own = this.#own(buffer);
    if (!own.alive) throw new DisposedError({ what: 'Memory of the CUDA backend was used after it was given back.' });
    return own;
  }

  #own(buffer: BackendBuffer): DeviceBuffer {
    if (buffer instanceof DeviceBuffer && buffer.owner === this) return buffer;
    throw new InvalidArgumentError({
      what: 'A tensor of another backend was given to the CUDA backend.',
      fix: 'copy its data over: read() it there and make a new tensor here',
    });
  }

  /** All words of a buffer as a float tensor, in whatever shape they are; zeros where nothing was ever written. */
  contents(buffer: DeviceBuffer): Handle {
    const { runtime } = this.operations;
    const { deferred, place } = buffer;
    if (deferred !== null) {
      buffer.deferred = null;
      this.rebind(buffer, deferred.compute());
      deferred.drop();
    }
    if (place !== null) return place.run.pageWords(place.slot);
    if (buffer.integers !== null) {
      const { buffer: bytes, byteOffset, length } = buffer.integers;
      return runtime.upload(new Float32Array(bytes.slice(byteOffset, byteOffset + length * 4)), [length]);
    }
    if (buffer.words === null) this.rebind(buffer, this.operations.fill([buffer.wordCount], 0));
    return buffer.words as Handle;
  }

  /** All words of a buffer in `shape`. The shape is kept for next time. */
  shaped(buffer: DeviceBuffer, shape: readonly number[]): Handle {
    const contents = this.contents(buffer);
    if (contents !== buffer.words) return this.operations.reshape(contents, shape);
    const key = shape.join();
    if (contents.shape.join() === key) return contents;
    const known = buffer.aliases.get(key);
    if (known !== undefined) return known;
    if (buffer.producer !== null && shape.length === 3 && shape[1] === 1) buffer.producer.headShape = shape;
    const { runtime } = this.operations;
    const made = runtime.keep(this.operations.reshape(contents, shape));
    if (buffer.aliases.size >= maxAliases) {
      const [[oldKey, old] = []] = buffer.aliases;
      if (oldKey !== undefined && old !== undefined) {
        buffer.aliases.delete(oldKey);
        runtime.delete(old);
      }
    }
    buffer.aliases.set(key, made);
    return made;
  }

  /** Puts a tensor in place of a buffer's contents. */
  rebind(buffer: DeviceBuffer, handle: Handle): void {
    const { runtime } = this.operations;
    const own = runtime.isPassing(handle) ? handle : this.operations.copy(handle);
    this.#clear(buffer);
    buffer.integers = null;
    buffer.producer = null;
    buffer.words = runtime.keep(own);
    buffer.version += 1;
  }

  /** Makes sure that a buffer's words may be written to in place: nobody else needs them as they are. */
  ownWords(buffer: DeviceBuffer): void {
    const { runtime } = this.operations;
    const words = this.contents(buffer);
    const held = [words, ...buffer.aliases.values()].some((handle) => runtime.isHeld(handle));
    if (held) this.rebind(buffer, this.operations.copy(words));
  }

  /** Takes the words out of a buffer, into the scope in progress. */
  take(buffer: DeviceBuffer): Handle {
    this.ownWords(buffer);
    const { runtime } = this.operations;
    const { words } = buffer;
    buffer.words = null;
    this.#clear(buffer);
    return runtime.adopt(words as Handle);
  }

  /** Lets a value be computed when it is asked for. */
  defer(buffer: DeviceBuffer, deferred: NonNullable<DeviceBuffer['deferred']>): void {
    this.#clear(buffer);
    this.#leave(buffer);
    buffer.integers = null;
    buffer.producer = null;
    buffer.deferred = deferred;
    buffer.version += 1;
  }

  /** Makes a buffer one of integers, on the host. */
  becomeIntegers(buffer: DeviceBuffer, integers: Int32Array): void {
    this.#clear(buffer);
    this.#leave(buffer);
    buffer.integers = integers;
    buffer.version += 1;
  }

  /** Writes words from `offset` on: the whole of a buffer by putting the tensor in place, a part of it in place. */
  writeWords(buffer: DeviceBuffer, offset: number, words: Handle): void {
    const count = elementsOf(words.shape);
    const { place } = buffer;
    if (place !== null) {
      const { groups, width } = place.run.layout;
      const row = groups * width;
      if (offset % row === 0 && count % row === 0) {
        place.run.write(place.slot, offset / row, words);
        buffer.version += 1;
        return;
      }
      this.detach(buffer);
    }
    if (offset === 0 && count === buffer.wordCount) {
      this.rebind(buffer, words);
      return;
    }
    const { operations } = this;
    const unit = gcd(gcd(offset, count), buffer.wordCount);
    if (buffer.integers !== null) this.rebind(buffer, this.contents(buffer)); // integers and numbers in one buffer
    this.ownWords(buffer);
    const target = this.shaped(buffer, [buffer.wordCount / unit, unit]);
    const rows = Int32Array.from({ length: count / unit }, (_, i) => offset / unit + i);
    const { runtime } = operations;
    const places = rows.length <= 16 ? runtime.integers([...rows]) : runtime.upload(rows, [rows.length]);
    operations.inPlace('InplaceUpdate', target, places, operations.reshape(words, [count / unit, unit]));
    buffer.version += 1;
  }

  /** A page's words lie in a run from now on. */
  movedToRun(buffer: DeviceBuffer, place: NonNullable<DeviceBuffer['place']>): void {
    this.#clear(buffer);
    buffer.integers = null;
    buffer.place = place;
    this.updateReserved();
  }

  /** Takes a page out of its run, with its contents. */
  detach(buffer: DeviceBuffer): void {
    const { place } = buffer;
    if (place === null) return;
    const words = place.run.pageWords(place.slot);
    this.#leave(buffer);
    this.rebind(buffer, words);
    this.updateReserved();
  }

  /** Calls `told` when the buffer is given back: what was derived from it goes too. */
  onFree(buffer: DeviceBuffer, told: () => void): void {
    buffer.onFree.push(told);
  }

  /** Bytes taken, live and reserved. */
  get heldBytes(): number {
    const { liveTotal, reserved } = this.#ledger.snapshot();
    return liveTotal + reserved;
  }

  /** Copies host data into a buffer: integers stay here, numbers go to the device. */
  upload(buffer: DeviceBuffer, byteOffset: number, data: ArrayBufferView): void {
    const whole = byteOffset === 0 && data.byteLength === buffer.byteLength;
    const integral = data instanceof Int32Array || data instanceof Uint32Array;
    const untouched = buffer.words === null && buffer.place === null && buffer.deferred === null;
    if (buffer.integers === null && integral && (whole || untouched)) {
      this.becomeIntegers(buffer, new Int32Array(buffer.wordCount));
    }
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (buffer.integers !== null && (integral || !whole)) {
      new Uint8Array(buffer.integers.buffer, byteOffset, data.byteLength).set(bytes);
      buffer.version += 1;
      return;
    }
    const words = new Float32Array(Math.ceil(data.byteLength / 4));
    const target = new Uint8Array(words.buffer);
    if (data.byteLength % 4 !== 0) target.set(new Uint8Array(this.download(buffer, byteOffset, words.byteLength)));
    target.set(bytes);
    this.writeWords(buffer, byteOffset / 4, this.operations.runtime.upload(words, [words.length]));
  }

  /** Copies bytes of a buffer to the host; waits for the device. */
  download(buffer: DeviceBuffer, byteOffset: number, byteLength: number): ArrayBuffer {
    if (byteLength === 0) return new ArrayBuffer(0);
    if (buffer.integers !== null) {
      const { buffer: bytes } = buffer.integers;
      return bytes.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    }
    const { operations } = this;
    const first = byteOffset / 4;
    const count = Math.ceil(byteLength / 4);
    const whole = first === 0 && count === buffer.wordCount;
    const words = whole
      ? this.contents(buffer)
      : operations.slice(this.shaped(buffer, [buffer.wordCount]), [first], [count]);
    return operations.runtime.download(words).slice(0, byteLength);
  }

  /** Counts bytes that kernels keep between calls. */
  addCached(bytes: number): void {
    this.#cachedBytes += bytes;
    this.updateReserved();
  }

  updateReserved(): void {
    let bytes = this.operations.runtime.constantBytes + this.#cachedBytes;
    for (const run of this.runs) bytes += run.bytes - run.usedBytes;
    this.#ledger.setReserved(bytes);
  }

  /** Gives back room for pages to come and constants. */
  trim(): void {
    this.operations.runtime.scope(() => {
      for (const run of [...this.runs]) for (const page of run.pages) if (page !== null) this.detach(page);
    });
    this.operations.runtime.dropConstants();
    this.updateReserved();
  }

  dispose(): void {
    if (this.#disposed) return;
    for (const buffer of [...this.#buffers]) this.free(buffer);
    this.operations.runtime.dropConstants();
    this.#disposed = true;
  }

  /** Drops what the device holds of a buffer outside runs. */
  #clear(buffer: DeviceBuffer): void {
    const { runtime } = this.operations;
    buffer.deferred?.drop();
    buffer.deferred = null;
    for (const alias of buffer.aliases.values()) runtime.delete(alias);
    buffer.aliases.clear();
    if (buffer.words !== null) runtime.delete(buffer.words);
    buffer.words = null;
  }

  #leave(buffer: DeviceBuffer): void {
    const { place } = buffer;
    if (place === null) return;
    place.run.remove(place.slot);
    if (place.run.length === 0) this.runs.delete(place.run);
    buffer.place = null;
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** The words a view covers: where they begin in their buffer, and how many. Bytes of a dtype are whole words or one half more. */
export function wordsOfView({ byteOffset, shape }: TensorView, elementBytes: number): readonly [number, number] {
  return [byteOffset / 4, Math.ceil((elementsOf(shape) * elementBytes) / 4)];
}
