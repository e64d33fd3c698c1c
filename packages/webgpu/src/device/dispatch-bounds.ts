/**
 * How much work one dispatch may be. Systems take a graphics card away from a program that keeps it busy for long (2 s on
 * Windows), so no dispatch is to take more than about a second on the slowest device of its kind, and work is cut.
 */

import { InvalidArgumentError } from '@inattention/core';

/** What a device does in a second, at least. */
export interface WorkRate {
  /** Floating-point operations. */
  readonly flops: number;
  /** Bytes of memory read and written. */
  readonly bytes: number;
}

/** Work of one dispatch at most. */
export interface DispatchBounds {
  readonly flops: number;
  readonly bytes: number;
}

/**
 * A CPU that plays GPU, as measured on two cores at a third of their time; and the graphics of an inexpensive phone, which
 * reach a third of some 50 GFLOP/s and of some 10 GB/s that they are sold with. A faster card is through sooner.
 */
const slowest = {
  software: { flops: 1e9, bytes: 1e8 },
  gpu: { flops: 1.6e10, bytes: 3e9 },
} as const satisfies Record<string, WorkRate>;

/** Bounds for a device: a second of its rate, which is that of the slowest of its kind unless it is known better. */
export function dispatchBounds(software: boolean, rate: Partial<WorkRate> = {}): DispatchBounds {
  const { flops, bytes } = { ...slowest[software ? 'software' : 'gpu'], ...rate };
  if (!(flops >= 1e8 && bytes >= 1e7)) {
    throw new InvalidArgumentError({
      what: 'slowestRate is no rate to work with.',
      got: `${flops} operations and ${bytes} bytes a second`,
      expected: 'at least 1e8 operations and 1e7 bytes',
    });
  }
  return { flops, bytes };
}
