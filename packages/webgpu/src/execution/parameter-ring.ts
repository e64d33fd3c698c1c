/**
 * The host's data of one submission (parameters, inline words, uploads), packed into one GPUBuffer that every submission
 * uses again: one write for all of it. Queue order makes that safe: the write comes after the submissions before it.
 */

import { parameterUsage } from '../memory/buffer-usage.ts';
import type { Allocation } from '../memory/device-buffer.ts';
import type { DeviceMemory } from '../memory/device-memory.ts';
import { bindingAlignment } from '../memory/slabs.ts';

const firstBytes = 64 * 1024;

export class ParameterRing {
  readonly #memory: DeviceMemory;
  #allocation: Allocation | null = null;
  #bytes = new Uint8Array(firstBytes);
  #length = 0;

  constructor(memory: DeviceMemory) {
    this.#memory = memory;
  }

  /** Places data; returns its offset, a multiple of 256. `span`: bytes that a binding at it covers, at least as many. */
  place(data: Uint32Array | Uint8Array, span = data.byteLength): number {
    const offset = this.#length;
    const end = Math.ceil((offset + span) / bindingAlignment) * bindingAlignment;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, offset));
      this.#bytes = larger;
    }
    this.#bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    this.#length = end;
    return offset;
  }

  /** The buffer for what was placed, large enough. It may be another one than last time. */
  buffer(): Allocation {
    if (this.#allocation === null || this.#allocation.size < this.#length || this.#allocation.failed) {
      this.trim();
      const size = 2 ** Math.ceil(Math.log2(Math.max(this.#length, firstBytes)));
      this.#allocation = this.#memory.create(size, parameterUsage);
    }
    return this.#allocation;
  }

  /** Hands what was placed to the queue and begins anew. */
  write(queue: GPUQueue): void {
    if (this.#length > 0) queue.writeBuffer(this.buffer().buffer, 0, this.#bytes, 0, this.#length);
    this.#length = 0;
  }

  /** Gives the buffer back; what was placed in it has been submitted. */
  trim(): void {
    if (this.#allocation !== null) this.#memory.destroy(this.#allocation);
    this.#allocation = null;
  }

  /** Forgets what was placed. */
  clear(): void {
    this.#length = 0;
  }
}
