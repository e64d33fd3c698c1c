/** A backend whose device can be lost at a given call, as a GPU's can. */

import { type Backend, BackendLostError } from '@inattention/core';

export interface LosableBackend {
  readonly backend: Backend;
  /** Lets `count` more calls succeed; the next one and all after it fail. */
  loseAfter(count: number): void;
  readonly lost: boolean;
}

export function losableBackend(inner: Backend): LosableBackend {
  let left = Number.POSITIVE_INFINITY;
  const check = () => {
    left -= 1;
    if (left < 0) throw new BackendLostError({ what: 'The device was lost.', fix: 'session.recover(backend)' });
  };
  const checked = <T extends object>(operations: T): T =>
    new Proxy(operations, {
      get(target, name) {
        const operation: unknown = Reflect.get(target, name);
        if (typeof operation !== 'function') return operation;
        return (...args: unknown[]): unknown => {
          check();
          return Reflect.apply(operation, target, args);
        };
      },
    });
  const backend: Backend = {
    ...inner,
    primitives: checked(inner.primitives),
    fused: checked(inner.fused),
    allocate(byteLength, purpose) {
      check();
      return inner.allocate(byteLength, purpose);
    },
    write(buffer, byteOffset, data) {
      check();
      inner.write(buffer, byteOffset, data);
    },
    async read(buffer, byteOffset, byteLength) {
      check();
      return inner.read(buffer, byteOffset, byteLength);
    },
    async reserve(bytes) {
      check();
      return inner.reserve(bytes);
    },
    async sync() {
      check();
      return inner.sync();
    },
  };
  return {
    backend,
    loseAfter(count) {
      left = count;
    },
    get lost() {
      return left < 0;
    },
  };
}
