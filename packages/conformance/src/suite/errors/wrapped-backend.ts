/** A backend with some of its members replaced, whatever it is made of (a record or a class with private fields). */

import { type Backend, OutOfMemoryError } from '@inattention/core';

export function wrapBackend(inner: Backend, replaced: Partial<Backend>): Backend {
  return {
    specificationVersion: inner.specificationVersion,
    name: inner.name,
    info: inner.info,
    capabilities: inner.capabilities,
    ledger: inner.ledger,
    primitives: inner.primitives,
    fused: inner.fused,
    allocate: (byteLength, purpose) => inner.allocate(byteLength, purpose),
    free: (buffer) => inner.free(buffer),
    write: (buffer, byteOffset, data) => inner.write(buffer, byteOffset, data),
    read: (buffer, byteOffset, byteLength) => inner.read(buffer, byteOffset, byteLength),
    reserve: (bytes) => inner.reserve(bytes),
    sync: () => inner.sync(),
    ...(inner.settle !== undefined && { settle: () => inner.settle?.() ?? inner.sync() }),
    trim: () => inner.trim(),
    dispose: () => inner.dispose(),
    [Symbol.dispose]: () => inner.dispose(),
    ...replaced,
  };
}

/** A backend on which one allocation can be made to fail. */
export interface FailingBackend {
  readonly backend: Backend;
  /** Lets `count` more allocations succeed and the next one fail, once. */
  failAfter(count: number): void;
  /** No allocation is to fail any more; returns whether one has. */
  disarm(): boolean;
}

export function failingBackend(inner: Backend): FailingBackend {
  let left = Number.POSITIVE_INFINITY;
  let failed = false;
  return {
    backend: wrapBackend(inner, {
      allocate(byteLength, purpose) {
        left -= 1;
        if (left >= 0) return inner.allocate(byteLength, purpose);
        left = Number.POSITIVE_INFINITY;
        failed = true;
        throw new OutOfMemoryError({
          what: 'This allocation was made to fail.',
          requestedBytes: byteLength,
          availableBytes: 0,
        });
      },
    }),
    failAfter(count) {
      left = count;
      failed = false;
    },
    disarm() {
      left = Number.POSITIVE_INFINITY;
      return failed;
    },
  };
}
