/**
 * One allocation. Numbers (f32, f16, i8) are 32-bit words in a tensor of floats on the device, and every operation that
 * writes all of it puts a new tensor in place; integers (ids, positions) stay on the host, which knows them anyway, and are
 * uploaded where a kernel wants them.
 */

import type { BackendBuffer, Purpose } from '@inattention/core';
import type { Handle } from '../execution/handle.ts';
import type { PageRun } from './page-run.ts';

/** Where a page of a context lies among its neighbours. */
export interface PagePlace {
  readonly run: PageRun;
  /** Which page of the run. */
  readonly slot: number;
}

/** A value that is computed when somebody asks for it, and the tensors kept for that. */
export interface Deferred {
  compute(): Handle;
  /** The value times a factor, where that costs no more than the value. */
  scaled?(factor: number): Handle;
  drop(): void;
}

export class DeviceBuffer implements BackendBuffer {
  readonly byteLength: number;
  readonly purpose: Purpose;
  /** The backend's memory, by identity. */
  readonly owner: object;
  alive = true;
  /** The words, in whatever shape they were last made; null before the first write, or where they are elsewhere. */
  words: Handle | null = null;
  /** Other shapes of the same words, by shape. */
  readonly aliases = new Map<string, Handle>();
  /** The words of a buffer of integers. */
  integers: Int32Array | null = null;
  place: PagePlace | null = null;
  deferred: Deferred | null = null;
  readonly onFree: (() => void)[] = [];
  /** The weight of the product that the contents are; null when they are something else. */
  producer: DeviceBuffer | null = null;
  /** Of a weight: the shape [H, 1, C] that a product with one row is wanted in, once that is known. */
  headShape: readonly number[] | null = null;
  /** Counts writes: what was derived from the contents is stale when it has changed. */
  version = 0;

  constructor(owner: object, byteLength: number, purpose: Purpose) {
    this.owner = owner;
    this.byteLength = byteLength;
    this.purpose = purpose;
  }

  get wordCount(): number {
    return this.byteLength / 4;
  }
}
