/** The results of kernel benches: a versioned schema, apart from the sweep's. Times are ms, rates per second. */

import type { BackendName } from '../backend-names.ts';
import type { SweepText } from '../result.ts';

/** Version 1 had no `backend`, which was the CPU; before version 3 every run knew its processor time and had a text. */
export const kernelSchema = 'inattention-kernels/3';

/** What a contestant's rate is of: arithmetic, or bytes that have to be read. */
export type RateUnit = 'flop/s' | 'B/s';

/** One contestant of one bench at one number of threads (null on WebGPU, which has none). */
export interface KernelFigure {
  readonly bench: string;
  readonly contestant: string;
  /** Ours, another library's, or the machine's limit. */
  readonly kind: 'ours' | 'peer' | 'limit';
  readonly threads: number | null;
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
  /** Processor time of the whole program over time, in the rounds: how many threads were at work. null: browsers do not tell. */
  readonly cpuPerWall: number | null;
  /** False when the threads did not have as many processors (cpuPerWall < 0.9 × threads). True on WebGPU and in browsers: it is not known. */
  readonly counts: boolean;
  /** Largest difference from the float64 loop, over the largest of its numbers; null for limits. */
  readonly error: number | null;
  /** What is particular about how it was measured. */
  readonly note?: string;
}

/** Two figures of one bench at one number of threads. */
export interface KernelRatio {
  readonly bench: string;
  readonly threads: number | null;
  readonly ours: string;
  /** A peer (of its ways of being fed the best one), or `kv`. */
  readonly other: string;
  /** Speed of ours over the other's: above 1 ours is faster. */
  readonly speed: number;
  /** Whether both figures count. */
  readonly counts: boolean;
}

/** A library measured beside ours. `version` is null when it is not there; `missing` says why, and how to install it. */
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
  /** What all figures were measured on; peers on theirs of the same kind. */
  readonly backend: BackendName;
  /** The device by number of threads; `software`: a processor that plays GPU. */
  readonly devices: readonly { readonly threads: number | null; readonly device: string; readonly software: boolean }[];
  readonly rounds: number;
  readonly warmUpCalls: number;
  readonly peers: readonly KernelPeer[];
  /** Where the contexts' ids are from; null where no contexts were measured. */
  readonly text: SweepText | null;
  readonly contexts: readonly { readonly tokens: number; readonly distinct: number }[];
  readonly figures: readonly KernelFigure[];
  readonly ratios: readonly KernelRatio[];
}
