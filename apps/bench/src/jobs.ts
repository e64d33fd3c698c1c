/** What the page asks its worker to measure: plain data, as it crosses. */

import type { Variant } from '@inattention/bench';
import type { ContextDType, ContextMode, PositionEmbeddingType, WeightDType } from '@inattention/core/math';
import type { ModelLocation } from '@inattention/model/worker';

/** `auto`: a graphics card where there is one, else the processor. */
export const backendChoices = ['auto', 'webgpu', 'cpu'] as const;

export type BackendChoice = (typeof backendChoices)[number];

export interface SweepJob {
  readonly kind: 'sweep';
  readonly backend: BackendChoice;
  /** Of `sweepShapes`. */
  readonly shape: string;
  readonly lengths: readonly number[];
  readonly variants: readonly Variant[];
  readonly dtype: ContextDType;
  readonly weightDType: WeightDType;
  readonly window: number;
  readonly positions: PositionEmbeddingType;
  readonly selfUpTo: number;
  readonly rounds: number;
  /** Tokens of another document that warm tables have served. */
  readonly warmUpTokens: number;
}

/** A trained model, or a random one of a shape. */
export type ModelChoice =
  | { readonly kind: 'trained'; readonly name: string; readonly location: ModelLocation }
  | { readonly kind: 'random'; readonly shape: string };

/** Part of Moby-Dick that no shipped model has seen, or a file of the user's. */
export type TextChoice = { readonly kind: 'unseen' } | { readonly kind: 'file'; readonly file: File };

export interface QualityJob {
  readonly kind: 'quality';
  readonly backend: BackendChoice;
  readonly models: readonly Extract<ModelChoice, { kind: 'trained' }>[];
  readonly text: TextChoice;
  /** Of the text, from its beginning. */
  readonly characters: number;
  readonly lengths: readonly number[];
  /** Tokens whose loss is measured at each length. */
  readonly targets: number;
}

export interface KernelJob {
  readonly kind: 'kernels';
  readonly backend: Exclude<BackendChoice, 'auto'>;
  /** `small`: done in seconds, and no measure of a machine. */
  readonly sizes: 'small' | 'full';
  readonly rounds: number;
  /** Whether other libraries are loaded and measured. */
  readonly peers: boolean;
}

export interface AgreementJob {
  readonly kind: 'agreement';
  /** The first one's first mode is the reference. */
  readonly backends: readonly Exclude<BackendChoice, 'auto'>[];
  readonly modes: readonly ContextMode[];
  readonly model: ModelChoice;
  readonly text: TextChoice;
  readonly tokens: number;
}

export type Job = SweepJob | QualityJob | KernelJob | AgreementJob;

export type JobKind = Job['kind'];

export interface JobProgress {
  readonly what: string;
  /** 0 … 1; null where it is not known. */
  readonly share: number | null;
}
