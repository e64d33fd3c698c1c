/** The results of kernel benches: a versioned schema, apart from the sweep's. Times are ms, rates per second. */

import type { SweepText } from '../result.ts';

export const kernelSchema = 'inattention-kernels/1';

/** What a contestant's rate is of: arithmetic, or bytes that have to be read. */
export type RateUnit = 'flop/s' | 'B/s';

/** One contestant of one bench at one number of threads. */
export interface KernelFigure {
  readonly bench: string;
  readonly contestant: string;
  /** Ours, another library's, or the machine's limit. */
  readonly kind: 'ours' | 'peer' | 'limit';
  readonly threads: number;
  /** Median of the rounds; each round's is the mean of its calls. */
  readonly medianMs: number;
  readonly fastestMs: number;
  readonly rounds: number;
  readonly callsPerRound: number;
  /** Work of a call over the median. */
  readonly rate: number;
  readonly unit: RateUnit;
  /** Share of the limit measured in turn with it; null where there is none, and for the limit itself. */
  readonly shareOfLimit: number | null;
  /** Processor time of the whole program over time, in the rounds: how many threads were at work. */
  readonly cpuPerWall: number;
  /** False when the threads did not have as many processors (cpuPerWall < 0.9 × threads). */
  readonly counts: boolean;
  /** Largest difference from the float64 loop, over the largest of its numbers; null for limits. */
  readonly error: number | null;
  /** What is particular about how it was measured. */
  readonly note?: string;
}

/** Two figures of one bench at one number of threads. */
export interface KernelRatio {
  readonly bench: string;
  readonly threads: number;
  readonly ours: string;
  /** A peer (of its ways of being fed the best one), or `kv`. */
  readonly other: string;
  /** Speed of ours over the other's: above 1 ours is faster. */
  readonly speed: number;
  /** Whether both figures count. */
  readonly counts: boolean;
}

/** A library measured beside ours. `version` is null when it is not installed, and `missing` says how to install it. */
export interface KernelPeer {
  readonly name: string;
  readonly version: string | null;
  readonly missing?: string;
}

export interface KernelResult {
  readonly schema: typeof kernelSchema;
  readonly created: string;
  /** The command that repeats the run. */
  readonly command?: string;
  readonly environment: Readonly<Record<string, string | number>>;
  /** The device by number of threads. */
  readonly devices: readonly { readonly threads: number; readonly device: string }[];
  readonly rounds: number;
  readonly warmUpCalls: number;
  readonly peers: readonly KernelPeer[];
  /** Where the contexts' ids are from. */
  readonly text: SweepText;
  readonly contexts: readonly { readonly tokens: number; readonly distinct: number }[];
  readonly figures: readonly KernelFigure[];
  readonly ratios: readonly KernelRatio[];
}
