/**
 * The contract between this project and a device. A backend is a value: made by its package's factory, passed on by
 * the caller, disposed of by the caller. Nothing registers itself. Calls enqueue and return; `read` and `sync` are the
 * border at which asynchronous failures surface.
 */

import type { Ledger, Purpose } from '../ledger/ledger.ts';
import type { DType } from '../tensor/dtype.ts';
import type { FusedOperations } from './fused.ts';
import type { Primitives } from './primitives.ts';
import type { BackendBuffer } from './tensor-view.ts';

/** What a backend runs on, for people: shown by `inattention doctor` and in bench results. */
export interface BackendInfo {
  /** One line: the device. */
  readonly device: string;
  /** More facts (threads, instruction sets, driver), by name. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** What a backend can do. Callers ask this record, never a backend's name. */
export interface Capabilities {
  /** dtypes of matmul's `b` and gatherRows' tables; always includes f32. i8: in blocks with scales (TensorView). */
  readonly weightDTypes: readonly DType[];
  /**
   * Those among q4_1 and q8_0 that matmul multiplies in integers: each row of `a` is rounded to 16 bits in blocks of 32, as
   * `roundActivations` states, and the product is of the rounded numbers. Default none: of the numbers as they are.
   */
  readonly integerProducts?: readonly DType[];
  /** dtypes of ContextView rows, which gatherRows takes too; always includes f32. */
  readonly contextDTypes: readonly DType[];
  /** Largest single buffer, bytes. */
  readonly maxBufferBytes: number;
  /** Bytes this backend can hold in all; Infinity when it cannot know. */
  readonly maxTotalBytes: number;
}

export interface Backend {
  readonly specificationVersion: 'v1';
  /** Short lower-case name: 'cpu', 'webgpu', 'cuda', or a third party's. For people and messages only. */
  readonly name: string;
  readonly info: BackendInfo;
  readonly capabilities: Capabilities;
  readonly ledger: Ledger;
  readonly primitives: Primitives;
  /** The fused operations this backend has; core composes the others. */
  readonly fused: Partial<FusedOperations>;

  /**
   * Takes memory, contents undefined. May throw OutOfMemoryError at once, or reject the next `read`/`sync`/`reserve`
   * when the device fails asynchronously.
   */
  allocate(byteLength: number, purpose: Purpose): BackendBuffer;
  /** Gives memory back; work already enqueued may still use it. */
  free(buffer: BackendBuffer): void;
  /** Copies `data` into a buffer at a byte offset (a multiple of 4) before the next enqueued operation. */
  write(buffer: BackendBuffer, byteOffset: number, data: ArrayBufferView): void;
  /** Waits for enqueued work and copies bytes out. */
  read(buffer: BackendBuffer, byteOffset: number, byteLength: number): Promise<ArrayBuffer>;
  /** Resolves when allocations of `bytes` in all can be expected to succeed; rejects with OutOfMemoryError. */
  reserve(bytes: number): Promise<void>;
  /** Waits for enqueued work; rejects with what failed since the last border. */
  sync(): Promise<void>;
  /**
   * Resolves when enqueued work is known to have its memory, whether or not it has begun, and will be done whatever
   * becomes of work enqueued later; rejects as `sync` does. So changes are known to hold without a wait for the device.
   * Optional: where it is absent, `sync` serves.
   */
  settle?(): Promise<void>;
  /** Gives pooled memory back to the device where that is possible. */
  trim(): void;
  /** Frees everything. Later calls throw DisposedError, except `free`, which has nothing left to do. */
  dispose(): void;
  [Symbol.dispose](): void;
}
