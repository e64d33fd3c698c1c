/**
 * Large GPUBuffers given out in parts. Pages of contexts and tables come from here, so that the pages of a view lie in
 * few buffers: a dispatch can bind only a few, and each must fit a binding.
 */

import { FreeBlocks } from '@inattention/core';
import type { Allocation } from './device-buffer.ts';

/** Offsets of storage bindings are multiples of this on every device. */
export const bindingAlignment = 256;

const firstSlabBytes = 256 * 1024;
const largestSlabBytes = 64 * 1024 ** 2;

interface Slab {
  readonly allocation: Allocation;
  readonly free: FreeBlocks;
  usedBytes: number;
}

export interface SlabSource {
  /** Largest slab: what a binding spans. */
  readonly maxBytes: number;
  create(bytes: number): Allocation;
  destroy(allocation: Allocation): void;
}

export class Slabs {
  readonly #source: SlabSource;
  readonly #slabs = new Map<Allocation, Slab>();
  #nextBytes = firstSlabBytes;

  constructor(source: SlabSource) {
    this.#source = source;
  }

  /** Whether parts of this length are given out; larger ones need a buffer of their own. */
  takes(bytes: number): boolean {
    return bytes <= this.#source.maxBytes;
  }

  /** Takes `bytes` (a multiple of the alignment). Throws what the source throws, with nothing changed. */
  allocate(bytes: number): { allocation: Allocation; offset: number } {
    for (const slab of this.#slabs.values()) {
      if (slab.allocation.failed) continue;
      const offset = slab.free.take(bytes);
      if (offset === -1) continue;
      slab.usedBytes += bytes;
      return { allocation: slab.allocation, offset };
    }
    const slab = this.#newSlab(bytes);
    slab.usedBytes = bytes;
    return { allocation: slab.allocation, offset: slab.free.take(bytes) };
  }

  free(allocation: Allocation, offset: number, bytes: number): void {
    const slab = this.#slabs.get(allocation) as Slab;
    slab.free.add(offset, bytes);
    slab.usedBytes -= bytes;
    if (allocation.failed) this.discardUnused(allocation);
  }

  /** Gives a slab back if nobody uses it. */
  discardUnused(allocation: Allocation): void {
    const slab = this.#slabs.get(allocation);
    if (slab?.usedBytes === 0) this.#drop(slab);
  }

  owns(allocation: Allocation): boolean {
    return this.#slabs.has(allocation);
  }

  /** Gives back slabs nobody uses. */
  trim(): void {
    for (const slab of [...this.#slabs.values()]) if (slab.usedBytes === 0) this.#drop(slab);
    if (this.#slabs.size === 0) this.#nextBytes = firstSlabBytes;
  }

  #newSlab(bytes: number): Slab {
    const { maxBytes } = this.#source;
    const size = Math.min(maxBytes, Math.max(bytes, this.#nextBytes));
    const allocation = this.#source.create(size);
    this.#nextBytes = Math.min(largestSlabBytes, maxBytes, this.#nextBytes * 2);
    const slab: Slab = { allocation, free: new FreeBlocks(), usedBytes: 0 };
    slab.free.add(0, size);
    this.#slabs.set(allocation, slab);
    return slab;
  }

  #drop(slab: Slab): void {
    this.#slabs.delete(slab.allocation);
    this.#source.destroy(slab.allocation);
  }
}
