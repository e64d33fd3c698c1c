/**
 * The default backend: WebAssembly SIMD kernels over one memory, in Node and in browsers, on several threads where memory
 * can be shared. Calls compute before they return; `read` and `sync` resolve at once.
 */

import { type Backend, DisposedError, InvalidArgumentError, Ledger } from '@inattention/core';
import { Heap, maxMemoryBytes } from './heap.ts';
import { elementwiseKernels } from './kernels/elementwise.ts';
import { fusedKernels } from './kernels/fused.ts';
import { bufferOf, KernelContext } from './kernels/kernel-context.ts';
import { linearAlgebraKernels } from './kernels/linear-algebra.ts';
import { movementKernels } from './kernels/movement.ts';
import { compileKernels, instantiateKernels, type Kernels } from './kernels-module.ts';
import { startThreads } from './threads/kernel-threads.ts';
import { availableThreads, singleThreadReason } from './threads/supported-threads.ts';

const maxThreads = 64;

export interface CpuBackendOptions {
  /** Bytes the backend may hold in all; at most (and by default) 4 GiB, the end of a WebAssembly memory. */
  readonly maxBytes?: number;
  /**
   * Threads to share the work between, this one included; by default as many as the machine runs at once, up to 8. One
   * where threads cannot be had (`info.details` says why): pages that are not cross-origin isolated, a browser's main
   * thread. Results do not depend on it.
   */
  readonly threads?: number;
}

/** Makes a CPU backend. Throws BackendUnavailableError where WebAssembly SIMD is missing. */
export async function createCpuBackend(options: CpuBackendOptions = {}): Promise<Backend> {
  const { maxBytes = maxMemoryBytes } = options;
  const wanted = checkThreads(options.threads ?? availableThreads());
  const ledger = new Ledger();
  const { heap, kernels, threads, relaxed, reason, stop } = await startKernels(ledger, maxBytes, wanted);
  const context = new KernelContext(kernels, heap, threads);
  let disposed = false;
  const alive = (): void => {
    if (disposed) throw new DisposedError({ what: 'The CPU backend was used after it was disposed of.' });
  };
  const dispose = (): void => {
    if (!disposed) stop();
    disposed = true;
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
      device: `WebAssembly SIMD${relaxed ? ' (relaxed)' : ''}, ${threads} thread${threads === 1 ? '' : 's'}`,
      details: {
        threads,
        ...(reason !== null && { singleThreadBecause: reason }),
        simd: relaxed ? '128 bit, fused multiply-add' : '128 bit',
        maxBytes: heap.maxBytes,
      },
    },
    capabilities: {
      weightDTypes: ['f32', 'f16', 'i8', 'q8_0', 'q4_1'],
      integerProducts: ['q8_0', 'q4_1'],
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
    dispose,
    [Symbol.dispose]: dispose,
  };
}

interface RunningKernels {
  readonly heap: Heap;
  readonly kernels: Kernels;
  readonly threads: number;
  readonly relaxed: boolean;
  /** Why there is one thread; null when that was asked for, or there are more. */
  readonly reason: string | null;
  stop(): void;
}

/** The kernels over a heap, with their threads; on one thread when others are not wanted or cannot be had. */
async function startKernels(ledger: Ledger, maxBytes: number, wanted: number): Promise<RunningKernels> {
  let reason = wanted > 1 ? singleThreadReason() : null;
  if (wanted > 1 && reason === null) {
    try {
      const { module, relaxed } = await compileKernels(true);
      const heap = new Heap(ledger, maxBytes, true);
      const kernels = await instantiateKernels(module, heap.memory);
      const terminate = await startThreads(wanted - 1, module, heap.memory);
      kernels.setThreads(wanted);
      const stop = (): void => {
        kernels.stopThreads();
        terminate();
      };
      return { heap, kernels, threads: wanted, relaxed, reason: null, stop };
    } catch (error) {
      if (error instanceof InvalidArgumentError) throw error;
      reason = `threads could not be started: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  const { module, relaxed } = await compileKernels(false);
  const heap = new Heap(ledger, maxBytes);
  const kernels = await instantiateKernels(module, heap.memory);
  return { heap, kernels, threads: 1, relaxed, reason, stop: () => undefined };
}

function checkThreads(threads: number): number {
  if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads) {
    throw new InvalidArgumentError({
      what: 'threads is not a number of threads.',
      got: String(threads),
      expected: `a whole number from 1 to ${maxThreads}`,
    });
  }
  return threads;
}
