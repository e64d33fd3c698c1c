/** How many threads a backend may share its work between, in this place. */

/** More threads than this bring little: the kernels are bound by memory by then. */
const usefulThreads = 8;

/**
 * Threads that can be had here: needs shared memory, a place to run them, and a caller that may wait (a browser's main
 * thread may not). 1 where any is missing.
 */
export function availableThreads(): number {
  if (!canShareMemory() || !canWait()) return 1;
  return Math.min(usefulThreads, Math.max(1, logicalCores()));
}

/** Why `availableThreads` is 1, for people; null when it is not for a missing feature. */
export function singleThreadReason(): string | null {
  if (!canShareMemory()) return 'no shared memory: in browsers the page must be cross-origin isolated';
  if (!canWait()) return "a browser's main thread may not wait: run the backend in a worker";
  return null;
}

function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false;
  return !('crossOriginIsolated' in globalThis) || globalThis.crossOriginIsolated;
}

function canWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1); // not equal: returns at once, or throws
    return true;
  } catch {
    return false;
  }
}

function logicalCores(): number {
  return nodeBuiltin('node:os')?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}

/** What is used of Node's own modules. */
interface NodeModules {
  readonly 'node:os': { availableParallelism(): number };
  readonly 'node:worker_threads': { readonly Worker: NodeWorkerConstructor };
}

type NodeWorkerConstructor = new (
  source: string,
  options: { readonly eval: true; readonly workerData: unknown; readonly name: string },
) => NodeWorker;

interface NodeWorker {
  once(event: 'message' | 'error', listener: (value: unknown) => void): void;
  unref(): void;
  terminate(): Promise<number>;
}

/** A module of Node itself, without an import that bundlers for browsers would stumble over; undefined elsewhere. */
export function nodeBuiltin<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.(name) as NodeModules[Name] | undefined;
}
