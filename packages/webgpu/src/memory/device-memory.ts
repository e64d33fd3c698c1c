/**
 * All GPUBuffers of a backend are made and destroyed here, so the ledger is exact: live + reserved is the sum of their
 * sizes. Buffers given back are kept for the next request of the same size class; pages of contexts and tables are parts
 * of slabs. What recorded commands still use is destroyed after they were submitted.
 */

import { DisposedError, type Ledger, OutOfMemoryError, type Purpose } from '@inattention/core';
import { storageUsage } from './buffer-usage.ts';
import { Allocation, DeviceBuffer } from './device-buffer.ts';
import { bindingAlignment, Slabs } from './slabs.ts';

/** Unused buffers kept at least, bytes; beyond that, as many bytes as are live. */
const keptBytes = 64 * 1024 ** 2;

/** Borders (reads and syncs) that an unused buffer outlives: what work of now does not use again goes. */
const keptBorders = 16;

const pagedPurposes: ReadonlySet<Purpose> = new Set(['table', 'context']);

export interface MemoryLimits {
  /** Largest GPUBuffer. */
  readonly maxBufferBytes: number;
  /** Largest storage binding. */
  readonly maxBindingBytes: number;
  /** Bytes the backend may hold in all. */
  readonly maxTotalBytes: number;
}

/** What memory needs of the queue of commands: to know what is still used. */
export interface CommandProgress {
  /** Number of the last command handed to the device. */
  readonly submitted: number;
  /** Hands over what is recorded, if it can be: buffers that it uses can go then. */
  submit(): void;
}

export class DeviceMemory {
  readonly limits: MemoryLimits;
  readonly #device: GPUDevice;
  readonly #ledger: Ledger;
  readonly #slabs: Slabs;
  readonly #all = new Set<Allocation>();
  /** Unused allocations by size; within a size, the one given back last is taken first. */
  readonly #pool = new Map<number, Allocation[]>();
  /** Borders so far. */
  #borders = 0;
  #pooledBytes = 0;
  /** To be destroyed when the commands that use them were submitted. */
  #doomed: Allocation[] = [];
  /** Creations whose success is not known yet. */
  readonly #unsettled = new Set<Promise<void>>();
  /** Buffers without memory that are still held. */
  #failed = 0;
  #failure: OutOfMemoryError | null = null;
  #totalBytes = 0;
  #liveBytes = 0;
  #nextId = 1;
  #onDestroy: (allocation: Allocation) => void = () => undefined;
  #progress: CommandProgress = { submitted: Number.POSITIVE_INFINITY, submit: () => undefined };

  constructor(device: GPUDevice, ledger: Ledger, limits: MemoryLimits) {
    this.#device = device;
    this.#ledger = ledger;
    this.limits = limits;
    this.#slabs = new Slabs({
      maxBytes: Math.min(limits.maxBindingBytes, limits.maxBufferBytes),
      create: (bytes) => this.create(bytes, storageUsage),
      destroy: (allocation) => this.destroy(allocation),
    });
  }

  /** Called once: `progress` of the commands, and what is to be forgotten when an allocation is destroyed. */
  attach(progress: CommandProgress, onDestroy: (allocation: Allocation) => void): void {
    this.#progress = progress;
    this.#onDestroy = onDestroy;
  }

  /** Takes memory, contents undefined. Throws OutOfMemoryError with nothing changed. */
  allocate(byteLength: number, purpose: Purpose): DeviceBuffer {
    if (byteLength > this.limits.maxBufferBytes)
      throw this.#outOfMemory(byteLength, 'the largest buffer of this device');
    const padded = Math.max(bindingAlignment, Math.ceil(byteLength / bindingAlignment) * bindingAlignment);
    let buffer: DeviceBuffer;
    if (pagedPurposes.has(purpose) && this.#slabs.takes(padded)) {
      const { allocation, offset } = this.#slabs.allocate(padded);
      buffer = new DeviceBuffer(allocation, offset, byteLength, purpose);
    } else {
      const size = Math.min(
        purpose === 'weights' ? padded : sizeClass(padded),
        alignedDown(this.limits.maxBufferBytes),
      );
      const allocation = this.#fromPool(Math.max(size, padded)) ?? this.create(Math.max(size, padded), storageUsage);
      buffer = new DeviceBuffer(allocation, 0, byteLength, purpose);
    }
    this.#count(purpose, byteLength);
    return buffer;
  }

  free(buffer: DeviceBuffer): void {
    if (buffer.freed) throw new DisposedError({ what: 'A WebGPU buffer was freed twice.' });
    buffer.freed = true;
    const { allocation, offset, byteLength } = buffer;
    this.#count(buffer.purpose, -byteLength);
    if (this.#slabs.owns(allocation)) {
      const padded = Math.max(bindingAlignment, Math.ceil(byteLength / bindingAlignment) * bindingAlignment);
      this.#slabs.free(allocation, offset, padded);
    } else if (allocation.failed) {
      this.destroy(allocation);
    } else {
      this.#keep(allocation);
    }
  }

  /** Makes a GPUBuffer. That the device has no memory for it becomes known later: see `settle`. */
  create(size: number, usage: GPUBufferUsageFlags): Allocation {
    if (this.#totalBytes + size > this.limits.maxTotalBytes) this.trim();
    if (this.#totalBytes + size > this.limits.maxTotalBytes) throw this.#outOfMemory(size, 'what it may hold in all');
    this.#device.pushErrorScope('out-of-memory');
    const allocation = new Allocation(this.#nextId, this.#device.createBuffer({ size, usage }), size);
    this.#nextId += 1;
    this.#watch(allocation, this.#device.popErrorScope());
    this.#all.add(allocation);
    this.#totalBytes += size;
    this.#updateReserved();
    return allocation;
  }

  /** Whether a buffer is of this memory. */
  owns({ allocation }: DeviceBuffer): boolean {
    return this.#all.has(allocation);
  }

  /** Destroys a GPUBuffer nobody holds, now or when the commands that use it were submitted. */
  destroy(allocation: Allocation): void {
    if (allocation.lastUse > this.#progress.submitted) {
      this.#doomed.push(allocation);
      return;
    }
    if (allocation.destroyed) return;
    allocation.destroyed = true;
    if (allocation.failed) this.#failed -= 1;
    this.#onDestroy(allocation);
    allocation.buffer.destroy();
    this.#all.delete(allocation);
    this.#totalBytes -= allocation.size;
    this.#updateReserved();
  }

  /** Destroys what waited for commands that have been submitted by now. */
  sweep(): void {
    const doomed = this.#doomed;
    this.#doomed = [];
    for (const allocation of doomed) this.destroy(allocation);
  }

  /** To be called at every border: destroys buffers that nobody has used for some. */
  age(): void {
    this.#borders += 1;
    const oldest = this.#borders - keptBorders;
    for (const [size, allocations] of this.#pool) {
      while (allocations.length > 0 && (allocations[0] as Allocation).pooledAt < oldest) {
        this.#pooledBytes -= size;
        this.destroy(allocations.shift() as Allocation);
      }
      if (allocations.length === 0) this.#pool.delete(size);
    }
  }

  /** Destroys unused buffers. */
  trim(): void {
    this.#progress.submit();
    for (const allocations of this.#pool.values()) for (const allocation of allocations) this.destroy(allocation);
    this.#pool.clear();
    this.#pooledBytes = 0;
    this.#slabs.trim();
  }

  /** Whether all buffers there are are known to have memory. */
  get sound(): boolean {
    return this.#unsettled.size === 0 && this.#failed === 0 && this.#failure === null;
  }

  /** Resolves when all buffers made so far are known to have memory or not. */
  async settle(): Promise<void> {
    while (this.#unsettled.size > 0) await Promise.all(this.#unsettled);
  }

  /** The failure of an allocation that no one was told of yet; tells it once. */
  takeFailure(): OutOfMemoryError | null {
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  /** The failure of using a buffer that got no memory, or null when none of these is one. */
  failureOf(allocations: Iterable<Allocation>): OutOfMemoryError | null {
    if (this.#failed === 0) return null;
    for (const { failed, size } of allocations) if (failed) return this.#outOfMemory(size, 'what the device can give');
    return null;
  }

  /** Rejects with OutOfMemoryError unless `bytes` more can be had, by taking and giving back what the pools lack. */
  async reserve(bytes: number): Promise<void> {
    const { maxTotalBytes, maxBufferBytes } = this.limits;
    if (this.#liveBytes + bytes > maxTotalBytes) throw this.#outOfMemory(bytes, 'what it may hold in all');
    const missing = bytes - (this.#totalBytes - this.#liveBytes);
    // What the device has given before at once, it can be expected to give again.
    if (missing <= 0 || this.#totalBytes + missing <= this.#ledger.snapshot().peakTotal) return;
    await this.settle();
    const earlier = this.takeFailure();
    const taken: Allocation[] = [];
    try {
      for (let left = alignedUp(missing); left > 0; ) {
        const size = Math.min(left, alignedDown(maxBufferBytes));
        taken.push(this.create(size, storageUsage));
        left -= size;
      }
      await this.settle();
      const failure = this.takeFailure();
      if (failure !== null) throw this.#outOfMemory(bytes, 'what the device can give');
    } finally {
      this.#failure ??= earlier;
      for (const allocation of taken) this.destroy(allocation);
    }
  }

  /** Destroys everything. */
  dispose(): void {
    for (const allocation of this.#all) {
      allocation.lastUse = 0;
      this.destroy(allocation);
    }
  }

  #fromPool(size: number): Allocation | null {
    const allocation = this.#pool.get(size)?.pop();
    if (allocation === undefined) return null;
    this.#pooledBytes -= size;
    return allocation;
  }

  #keep(allocation: Allocation): void {
    const { size } = allocation;
    const pooled = this.#pool.get(size) ?? [];
    allocation.pooledAt = this.#borders;
    pooled.push(allocation);
    // A size class in use moves to the end: the first is the one that nobody gave back to for longest.
    this.#pool.delete(size);
    this.#pool.set(size, pooled);
    this.#pooledBytes += size;
    const bound = Math.max(keptBytes, this.#liveBytes);
    for (const [oldest, allocations] of this.#pool) {
      if (this.#pooledBytes <= bound) break;
      while (allocations.length > 0 && this.#pooledBytes > bound) {
        this.#pooledBytes -= oldest;
        this.destroy(allocations.shift() as Allocation);
      }
    }
  }

  /** Destroys a buffer without memory if it was given back before that was known: nobody is to get it again. */
  #discardUnused(allocation: Allocation): void {
    this.#slabs.discardUnused(allocation);
    const pooled = this.#pool.get(allocation.size);
    const place = pooled?.indexOf(allocation) ?? -1;
    if (pooled === undefined || place === -1) return;
    pooled.splice(place, 1);
    this.#pooledBytes -= allocation.size;
    this.destroy(allocation);
  }

  #watch(allocation: Allocation, scope: Promise<GPUError | null>): void {
    const done = scope.then(
      (error) => {
        this.#unsettled.delete(done);
        if (error === null) return;
        allocation.failed = true;
        if (!allocation.destroyed) this.#failed += 1;
        this.#discardUnused(allocation);
        this.#failure ??= this.#outOfMemory(allocation.size, 'what the device can give', error.message);
      },
      () => {
        this.#unsettled.delete(done); // the device is lost, which is told elsewhere
      },
    );
    this.#unsettled.add(done);
  }

  #outOfMemory(bytes: number, bound: string, message?: string): OutOfMemoryError {
    const { maxBufferBytes, maxTotalBytes } = this.limits;
    const availableBytes = Math.max(0, Math.min(maxBufferBytes, maxTotalBytes - this.#liveBytes));
    return new OutOfMemoryError({
      what: 'The WebGPU backend is out of memory.',
      got: `a request for ${bytes} bytes, with ${this.#liveBytes} bytes in use${message === undefined ? '' : ` (${message})`}`,
      expected: `at most ${bound}; ${availableBytes} bytes are available as far as is known`,
      fix: 'shorten the context, choose a smaller context mode or f16, or use another backend',
      requestedBytes: bytes,
      availableBytes,
    });
  }

  /** Live bytes move between the ledger's rows: less reserved first when they grow, so that no peak counts them twice. */
  #count(purpose: Purpose, bytes: number): void {
    this.#liveBytes += bytes;
    if (bytes > 0) this.#updateReserved();
    this.#ledger.addLive(purpose, bytes);
    if (bytes <= 0) this.#updateReserved();
  }

  #updateReserved(): void {
    this.#ledger.setReserved(Math.max(0, this.#totalBytes - this.#liveBytes));
  }
}

const alignedUp = (bytes: number): number => Math.ceil(bytes / bindingAlignment) * bindingAlignment;
const alignedDown = (bytes: number): number => Math.floor(bytes / bindingAlignment) * bindingAlignment;

/** Rounds up to an eighth of the power of two below, so that buffers can be used again for about the same sizes. */
function sizeClass(bytes: number): number {
  const step = Math.max(bindingAlignment, 2 ** (Math.floor(Math.log2(bytes)) - 3));
  return Math.ceil(bytes / step) * step;
}
