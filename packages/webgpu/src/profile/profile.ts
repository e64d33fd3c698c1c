/** What a profile says: each dispatch with its time and counts, and their sums by kernel. */

import type { Traffic } from '../execution/commands.ts';

/** One dispatch. */
export interface DispatchProfile {
  /** The kernel's name. */
  readonly kernel: string;
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** Floating-point operations, as the kernel counts them. */
  readonly flops: number;
  /** Bytes that must be read and written at least. */
  readonly bytes: number;
  /** Loads and stores of device memory that its invocations make, and their bytes; null where it does not count them. */
  readonly traffic: Traffic | null;
  /** Nanoseconds on the device's clock; null where it has no timestamps. */
  readonly begin: number | null;
  readonly end: number | null;
}

/** All dispatches of one kernel. */
export interface KernelProfile {
  readonly kernel: string;
  readonly dispatches: number;
  readonly flops: number;
  readonly bytes: number;
  /** Of all its dispatches; null where one of them does not count. */
  readonly traffic: Traffic | null;
  /** Milliseconds on the device; null where it has no timestamps. */
  readonly milliseconds: number | null;
}

export interface Profile {
  readonly dispatches: readonly DispatchProfile[];
  /** Sums by kernel, the one that took longest (without timestamps: with the most work) first. */
  readonly kernels: readonly KernelProfile[];
  /** Submissions of commands. */
  readonly submissions: number;
}

/** A profile of these dispatches. */
export function profileOf(dispatches: readonly DispatchProfile[], submissions: number): Profile {
  const byKernel = new Map<string, DispatchProfile[]>();
  for (const dispatch of dispatches) {
    const own = byKernel.get(dispatch.kernel) ?? [];
    own.push(dispatch);
    byKernel.set(dispatch.kernel, own);
  }
  const kernels = [...byKernel].map(([kernel, own]): KernelProfile => {
    const sum = (of: (dispatch: DispatchProfile) => number): number => own.reduce((total, one) => total + of(one), 0);
    const timed = own.every(({ begin, end }) => begin !== null && end !== null);
    const counted = own.every(({ traffic }) => traffic !== null);
    return {
      kernel,
      dispatches: own.length,
      flops: sum(({ flops }) => flops),
      bytes: sum(({ bytes }) => bytes),
      traffic: counted
        ? { accesses: sum(({ traffic }) => traffic?.accesses ?? 0), bytes: sum(({ traffic }) => traffic?.bytes ?? 0) }
        : null,
      milliseconds: timed ? sum(({ begin, end }) => ((end ?? 0) - (begin ?? 0)) / 1e6) : null,
    };
  });
  kernels.sort((a, b) => (b.milliseconds ?? 0) - (a.milliseconds ?? 0) || b.flops - a.flops || b.bytes - a.bytes);
  return { dispatches, kernels, submissions };
}
