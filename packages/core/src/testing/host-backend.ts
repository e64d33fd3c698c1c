/**
 * The smallest backend there can be: plain JavaScript over ArrayBuffers, the required primitives only, nothing fused.
 * It checks what it is given (buffers, ranges, dtypes, sizes, overlap) and throws where a fast backend would read
 * astray, so it is what core's own tests run on, and an example for writing a backend. Not for speed.
 */

import type { Backend } from '../backend/backend.ts';
import { Ledger } from '../ledger/ledger.ts';
import { hostArithmetic } from './host-arithmetic.ts';
import { HostMemory } from './host-memory.ts';
import { hostMovement } from './host-movement.ts';

export interface HostBackendOptions {
  /** Bytes it may hold in all. Default 1 GiB. */
  readonly maxBytes?: number;
}

/** Makes a host backend. Its ledger counts exactly the bytes of its buffers; it has no pools. */
export function createHostBackend({ maxBytes = 2 ** 30 }: HostBackendOptions = {}): Backend {
  const ledger = new Ledger();
  const memory = new HostMemory(ledger, maxBytes);
  return {
    specificationVersion: 'v1',
    name: 'host',
    info: { device: 'plain JavaScript', details: { maxBytes } },
    capabilities: {
      weightDTypes: ['f32', 'f16', 'i8', 'q8_0', 'q4_1'],
      contextDTypes: ['f32', 'f16'],
      maxBufferBytes: maxBytes,
      maxTotalBytes: maxBytes,
    },
    ledger,
    primitives: { ...hostArithmetic(memory), ...hostMovement(memory) },
    fused: {},
    allocate: (byteLength, purpose) => memory.allocate(byteLength, purpose),
    free: (buffer) => memory.free(buffer),
    write(buffer, byteOffset, data) {
      const source = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      memory.bytes(buffer, byteOffset, data.byteLength).set(source);
    },
    async read(buffer, byteOffset, byteLength) {
      return memory.bytes(buffer, byteOffset, byteLength).slice().buffer;
    },
    async reserve(bytes) {
      memory.expectRoom(bytes);
    },
    async sync() {
      memory.expectAlive();
    },
    trim() {
      memory.expectAlive();
    },
    dispose() {
      memory.dispose();
    },
    [Symbol.dispose]() {
      memory.dispose();
    },
  };
}
