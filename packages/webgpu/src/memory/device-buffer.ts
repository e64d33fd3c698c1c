/** Memory as the backend sees it: a GPUBuffer with what has to be known about it, and a part of one as the contract's buffer. */

import type { BackendBuffer, Purpose } from '@inattention/core';

/** A GPUBuffer. Made by DeviceMemory alone. */
export class Allocation {
  /** Tells allocations apart in the keys of bind groups. */
  readonly id: number;
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly size: number;
  /** Number of the last recorded command that uses it; 0 when none does. */
  lastUse = 0;
  /** When it was last given back: the number of borders then. */
  pooledAt = 0;
  /** The device had no memory for it. Known some time after it was made. */
  failed = false;
  destroyed = false;

  constructor(id: number, buffer: GPUBuffer, size: number) {
    this.id = id;
    this.buffer = buffer;
    this.size = size;
  }
}

/** Bytes [offset, offset + byteLength) of an allocation. */
export class DeviceBuffer implements BackendBuffer {
  readonly byteLength: number;
  readonly allocation: Allocation;
  /** A multiple of 256, so that it can be bound at any device. */
  readonly offset: number;
  readonly purpose: Purpose;
  freed = false;

  constructor(allocation: Allocation, offset: number, byteLength: number, purpose: Purpose) {
    this.allocation = allocation;
    this.offset = offset;
    this.byteLength = byteLength;
    this.purpose = purpose;
  }
}
