/** A backend that fails on demand: at the n-th allocation or operation from now. */

import type { Backend } from '../src/backend/backend.ts';
import type { FusedOperations } from '../src/backend/fused.ts';
import type { Primitives } from '../src/backend/primitives.ts';
import { OutOfMemoryError } from '../src/errors/errors.ts';

export interface FaultyBackend {
  readonly backend: Backend;
  /** Fails the n-th call from now, counted from 1; 0 for never. */
  failAt(call: number): void;
  /** Calls since `failAt`. */
  readonly calls: number;
}

/** Wraps a backend; allocations, writes and operations count as calls. */
export function withFaults(inner: Backend): FaultyBackend {
  let calls = 0;
  let fatal = 0;
  const count = () => {
    calls += 1;
    if (calls !== fatal) return;
    throw new OutOfMemoryError({ what: `Fault at call ${calls}.`, requestedBytes: 0, availableBytes: 0 });
  };
  const guarded =
    <Args extends readonly unknown[], Result>(call: (...args: Args) => Result) =>
    (...args: Args): Result => {
      count();
      return call(...args);
    };
  const { primitives, fused } = inner;
  const guardAll = <Calls extends object>(calls: Calls): Calls =>
    Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, guarded(call)])) as Calls;
  return {
    backend: {
      ...inner,
      allocate: guarded(inner.allocate),
      write: guarded(inner.write),
      primitives: guardAll<Primitives>(primitives),
      fused: guardAll<Partial<FusedOperations>>(fused),
    },
    failAt(call) {
      calls = 0;
      fatal = call;
    },
    get calls() {
      return calls;
    },
  };
}

/** Runs `work` without faults, then with a fault at each of its calls in turn; `check` after each fault. */
export function eachFault(faulty: FaultyBackend, work: () => void, check: (call: number) => void): number {
  faulty.failAt(0);
  work();
  const total = faulty.calls;
  for (let call = 1; call <= total; call += 1) {
    faulty.failAt(call);
    let failed = false;
    try {
      work();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      failed = true;
    }
    if (!failed) throw new RangeError(`The fault at call ${call} of ${total} was swallowed.`);
    check(call);
  }
  faulty.failAt(0);
  return total;
}
