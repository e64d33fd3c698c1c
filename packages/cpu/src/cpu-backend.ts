/**
 * The default backend: WebAssembly SIMD kernels over one memory, one thread, in Node and in browsers. Calls compute
 * before they return; `read` and `sync` resolve at once.
 */

import { type Backend, DisposedError, InvalidArgumentError, Ledger } from '@inattention/core';
import { Heap, maxMemoryBytes } from './heap.ts';
import { elementwiseKernels } from './kernels/elementwise.ts';
import { fusedKernels } from './kernels/fused.ts';
import { bufferOf, KernelContext } from './kernels/kernel-context.ts';
import { linearAlgebraKernels } from './kernels/linear-algebra.ts';
import { movementKernels } from './kernels/movement.ts';
import { loadKernels } from './kernels-module.ts';

export interface CpuBackendOptions {
  /** Bytes the backend may hold in all; at most (and by default) 4 GiB, the end of a WebAssembly memory. */
  readonly maxBytes?: number;
}

/** Makes a CPU backend. Throws BackendUnavailableError where WebAssembly SIMD is missing. */
export async function createCpuBackend({ maxBytes = maxMemoryBytes }: CpuBackendOptions = {}): Promise<Backend> {
  const ledger = new Ledger();
  const heap = new Heap(ledger, maxBytes);
  const context = new KernelContext(await loadKernels(heap.memory), heap);
  let disposed = false;
  const alive = (): void => {
    if (disposed) throw new DisposedError({ what: 'The CPU backend was used after it was disposed of.' });
  };
  const range = (buffer: unknown, byteOffset: number, byteLength: number): number => {
    alive();
    const { offset, byteLength: size } = bufferOf(heap, buffer);
    if (byteOffset < 0 || byteOffset + byteLength > size) {
      throw new InvalidArgumentError({
        what: 'A transfer reaches beyond its buffer.',
        got: `bytes ${byteOffset} … ${byteOffset + byteLength}`,
        expected: `within 0 … ${size}`,
      });
    }
    return offset + byteOffset;
  };
  return {
    specificationVersion: 'v1',
    name: 'cpu',
    info: {
      device: 'WebAssembly SIMD, 1 thread',
      details: { threads: 1, simd: '128 bit', maxBytes: heap.maxBytes },
    },
    capabilities: {
      weightDTypes: ['f32', 'f16'],
      contextDTypes: ['f32', 'f16'],
      maxBufferBytes: heap.maxBytes,
      maxTotalBytes: heap.maxBytes,
    },
    ledger,
    primitives: {
      ...elementwiseKernels(context),
      ...linearAlgebraKernels(context),
      ...movementKernels(context),
    },
    fused: fusedKernels(context),
    allocate(byteLength, purpose) {
      alive();
      return heap.allocate(byteLength, purpose);
    },
    free(buffer) {
      if (!disposed) heap.free(bufferOf(heap, buffer));
    },
    write(buffer, byteOffset, data) {
      const start = range(buffer, byteOffset, data.byteLength);
      heap.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
    },
    async read(buffer, byteOffset, byteLength) {
      const start = range(buffer, byteOffset, byteLength);
      return heap.bytes.slice(start, start + byteLength).buffer;
    },
    async reserve(bytes) {
      alive();
      heap.reserve(bytes);
    },
    async sync() {
      alive();
    },
    trim() {
      // A WebAssembly memory cannot shrink; freed blocks are used again.
      alive();
    },
    dispose() {
      disposed = true;
    },
    [Symbol.dispose]() {
      disposed = true;
    },
  };
}
