/** The result of the bench of a training step: a versioned schema, apart from the others. Times are ms, rates per second. */

import type { KernelPeer } from '../kernels/kernel-result.ts';

export const trainingResultSchema = 'inattention-bench-training/1';

/** One contestant at one window and one number of threads. */
export interface StepFigure {
  readonly contestant: string;
  readonly kind: 'ours' | 'peer';
  /** w */
  readonly window: number;
  readonly threads: number;
  /** Median of a step: forward, backward and AdamW, the loss read. */
  readonly medianMs: number;
  readonly fastestMs: number;
  /** Positions of a step over the median. */
  readonly tokensPerSecond: number;
  /** `flops` of the window over the median. */
  readonly flopRate: number;
  /** Median over the rounds of that rate over the product's of the same round; null for peers. */
  readonly shareOfGemm: number | null;
  /** Processor time of this program over time, in its steps; null for another program's. */
  readonly cpuPerWall: number | null;
  /** Losses of the first steps, nats. All contestants' are equal but for rounding, or there is no result. */
  readonly losses: readonly number[];
  /** What is particular about how it was measured. */
  readonly note?: string;
}

/** Two figures of one window. */
export interface StepRatio {
  readonly window: number;
  /** Threads of ours; peers have one. */
  readonly threads: number;
  readonly other: string;
  /** Median over the rounds of the other's time over ours: above 1 ours is faster. */
  readonly speed: number;
}

export interface TrainingResult {
  readonly schema: typeof trainingResultSchema;
  /** When it began, ISO 8601. */
  readonly created: string;
  readonly command: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly devices: readonly { readonly threads: number; readonly device: string }[];
  readonly shape: Readonly<Record<string, string | number | boolean>>;
  readonly texts: number;
  /** Positions of each text. */
  readonly length: number;
  readonly rounds: number;
  readonly warmUpSteps: number;
  /** What `flops` counts. */
  readonly flopsFormula: string;
  /** Of a step, by window. */
  readonly flops: readonly { readonly window: number; readonly flops: number }[];
  /** A product of 512³ in the same rounds: median, by number of threads. */
  readonly gemm: readonly { readonly threads: number; readonly flopRate: number }[];
  readonly peers: readonly KernelPeer[];
  readonly figures: readonly StepFigure[];
  readonly ratios: readonly StepRatio[];
}
