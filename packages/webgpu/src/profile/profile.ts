/** What a profile says: each dispatch with its time and counts, and their sums by kernel. */

/** One dispatch. */
export interface DispatchProfile {
  /** The kernel's name. */
  readonly kernel: string;
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** Floating-point operations, as the kernel counts them. */
  readonly flops: number;
  /** Bytes that must be read and written at least. */
  readonly bytes: number;
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
  const sums = new Map<string, { dispatches: number; flops: number; bytes: number; milliseconds: number | null }>();
  for (const { kernel, flops, bytes, begin, end } of dispatches) {
    const sum = sums.get(kernel) ?? { dispatches: 0, flops: 0, bytes: 0, milliseconds: 0 };
    sum.dispatches += 1;
    sum.flops += flops;
    sum.bytes += bytes;
    sum.milliseconds =
      begin === null || end === null || sum.milliseconds === null ? null : sum.milliseconds + (end - begin) / 1e6;
    sums.set(kernel, sum);
  }
  const kernels = [...sums].map(([kernel, sum]) => ({ kernel, ...sum }));
  kernels.sort((a, b) => (b.milliseconds ?? 0) - (a.milliseconds ?? 0) || b.flops - a.flops || b.bytes - a.bytes);
  return { dispatches, kernels, submissions };
}
