/** What the files of this folder share: the compiled kernels, addresses of views, and scratch for one call. */

import { bytesPerElement, DisposedError, InvalidArgumentError, sizeOf, type TensorView } from '@inattention/core';
import { type Heap, WasmBuffer } from '../heap.ts';
import type { Kernels } from '../kernels-module.ts';

export class KernelContext {
  readonly kernels: Kernels;
  readonly heap: Heap;
  /** Threads that share the kernels' work, the caller's included. */
  readonly threads: number;

  constructor(kernels: Kernels, heap: Heap, threads: number) {
    this.kernels = kernels;
    this.heap = heap;
    this.threads = threads;
  }

  /** The address of a view's first element. Throws for buffers of other backends and freed ones. */
  address(view: TensorView): number {
    return bufferOf(this.heap, view.buffer).offset + view.byteOffset;
  }

  /** The address of a view, or 0 for none. */
  optional(view: TensorView | null): number {
    return view === null ? 0 : this.address(view);
  }

  /** Runs `work` with `byteLength` bytes of scratch for each thread, one after the other. */
  withThreadScratch<T>(byteLength: number, work: (address: number) => T): T {
    return this.withScratch(byteLength * this.threads, work);
  }

  /** Runs `work` with `byteLength` bytes of scratch, given back afterwards. */
  withScratch<T>(byteLength: number, work: (address: number) => T): T {
    const scratch = this.heap.allocate(byteLength, 'scratch');
    try {
      return work(scratch.offset);
    } finally {
      this.heap.free(scratch);
    }
  }
}

/** The heap's own block behind a contract buffer. */
export function bufferOf(heap: Heap, buffer: unknown): WasmBuffer {
  if (!(buffer instanceof WasmBuffer) || buffer.heap !== heap) {
    throw new InvalidArgumentError({
      what: 'A tensor of another backend was given to the CPU backend.',
      fix: 'copy its data over: read() it there and make a new tensor here',
    });
  }
  if (buffer.freed) throw new DisposedError({ what: 'A CPU buffer was used after it was freed.' });
  return buffer;
}

export function flag(value: boolean): 0 | 1 {
  return value ? 1 : 0;
}

export function isHalf(view: TensorView): 0 | 1 {
  return flag(view.dtype === 'f16');
}

/**
 * The kernels' number for how a matrix of weights is stored: 0 f32, 1 f16, −1 q4_1, −2 q8_0, otherwise the block length of
 * i8.
 */
export function storageOf(view: TensorView): number {
  if (view.dtype === 'q4_1') return -1;
  return view.dtype === 'q8_0' ? -2 : (view.blocks?.blockLength ?? isHalf(view));
}

export function elements(view: TensorView): number {
  return sizeOf(view.shape);
}

export function viewBytes(view: TensorView): number {
  return sizeOf(view.shape) * bytesPerElement[view.dtype];
}
