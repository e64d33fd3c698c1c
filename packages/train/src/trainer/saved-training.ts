/**
 * A run between two steps, as it is kept: what has to come back for the next losses to be those of a run that never
 * stopped. Types only; `Trainer` makes and takes them, a `CheckpointStore` keeps them (in files: ../node).
 *
 * There is no random state of the run itself: a step draws no random numbers, and what orders the data is in the cursor.
 */

import type { ModelConfig } from '@inattention/core/math';
import type { Cursor } from '../data/batch-source.ts';
import type { AdamWSettings } from '../optimizer/adamw.ts';
import type { Schedule } from '../optimizer/schedule.ts';
import type { Checkpointing } from '../plan/plan-training.ts';
import type { BatchContextKind } from '../step/compute-options.ts';
import type { DistillationSettings } from '../step/distillation.ts';
import type { DocumentMask } from '../step/segments.ts';
import type { TrainedPart } from '../step/trained-parameters.ts';
import type { Switching } from '../switching/switching.ts';

/** What decides how a run goes, besides model and data. Plain values. */
export interface TrainingSettings {
  readonly schedule: Schedule;
  readonly optimizer?: AdamWSettings;
  /** Gradients of a larger global norm are scaled down to it; null: never. Default 1. */
  readonly clipNorm?: number | null;
  /** Whether documents that share a text see each other. Default separate. */
  readonly documents?: DocumentMask;
  /** Batches whose gradients make a step. Default 1. */
  readonly accumulate?: number;
  /** Where keys and values of a batch are kept (`ComputeOptions.context`). Default auto. */
  readonly context?: BatchContextKind | 'auto';
  /** How many layers are computed again for their gradients. Default auto: as few as fit the budget. */
  readonly checkpointing?: Checkpointing;
  /** Bytes that the run may take in all, model and optimizer included. Default: what its backend can hold. */
  readonly memoryBudget?: number;
  /** Learns from a teacher's logits; the teacher itself is given beside. Default: from the text alone. */
  readonly distillation?: DistillationSettings;
  /** Which parameters change. Default all. */
  readonly trained?: TrainedPart;
  /** Layers that become inattention one after another. Default: kinds of layers stay. */
  readonly switching?: Switching;
}

/** How far a run has come. Plain values. */
export interface TrainingProgress {
  /** Steps done. */
  readonly step: number;
  /** Positions read. */
  readonly tokens: number;
  /** Loss of the last step, nats; null before the first. */
  readonly loss: number | null;
  /** Loss on the validation source at this very step, nats; null when it was not measured. */
  readonly validationLoss: number | null;
  readonly settings: TrainingSettings;
  /** Fingerprint of the teacher; null without one. */
  readonly teacher?: string | null;
  /** Where the data goes on; null when the run has none of its own. */
  readonly cursor: Cursor | null;
}

/** A tensor that can be read when it is its turn, so that no whole model lies in the host's memory. */
export interface KeptTensor {
  readonly shape: readonly number[];
  read(): Promise<Float32Array>;
}

/** Everything of a run, by the names of the files. */
export interface SavedTraining {
  readonly progress: TrainingProgress;
  /** That of the last step: layers that it had switched are. */
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, KeptTensor>;
  /** Of the parameters that the run trains. */
  readonly firstMoments: ReadonlyMap<string, KeptTensor>;
  readonly secondMoments: ReadonlyMap<string, KeptTensor>;
}

/** Where a run is kept. */
export interface CheckpointStore {
  /** Keeps a run. When it fails, what was kept before is still there. Returns a name for people. */
  save(run: SavedTraining): Promise<string>;
}
