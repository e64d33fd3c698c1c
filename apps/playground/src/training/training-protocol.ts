/** What crosses between the page and the training worker: plain data, one message at a time in each direction. */

import type { ModelLocation } from '@inattention/model/worker';
import type { Failure } from '../failure.ts';
import type { TrainingChoices } from './training-choices.ts';

export interface Sample {
  readonly step: number;
  readonly prompt: string;
  readonly text: string;
}

/** What a run has shown so far. */
export interface TrainingHistory {
  /** Loss of each step from the first, nats. */
  readonly losses: readonly number[];
  /** Loss on the text that was set apart, by step. */
  readonly validation: readonly { readonly step: number; readonly loss: number }[];
  readonly samples: readonly Sample[];
}

export const noHistory: TrainingHistory = { losses: [], validation: [], samples: [] };

/** A run as it is kept. */
export interface RunDescription {
  /** Of the model it began from. */
  readonly modelName: string;
  readonly choices: TrainingChoices;
  readonly history: TrainingHistory;
  /** Ended by the user before its last step. */
  readonly stopped: boolean;
}

export type TrainingRequest =
  /** Is there a run that was kept? */
  | { readonly kind: 'look' }
  | {
      readonly kind: 'start';
      readonly location: ModelLocation;
      readonly modelName: string;
      readonly text: Blob;
      readonly choices: TrainingChoices;
    }
  /** Goes on from what was kept, with these choices. */
  | { readonly kind: 'resume'; readonly choices: TrainingChoices }
  /** Ends after the present step and keeps the run; `stop`: for good. */
  | { readonly kind: 'pause'; readonly stop: boolean }
  | { readonly kind: 'discard' }
  /** Takes a downloaded checkpoint as the run. */
  | { readonly kind: 'open'; readonly files: readonly File[] }
  /** Asks for the checkpoint as one file. */
  | { readonly kind: 'download' }
  /** Asks for the model's files. */
  | { readonly kind: 'model' };

export type TrainingEvent =
  /** The run that is kept now, or none. `persistent`: it survives a reload of the page. */
  | { readonly kind: 'kept'; readonly run: RunDescription | null; readonly persistent: boolean }
  | { readonly kind: 'busy'; readonly what: string; readonly share: number | null }
  | { readonly kind: 'running'; readonly device: string; readonly tokens: number; readonly heldOut: number }
  | {
      readonly kind: 'step';
      readonly loss: number;
      readonly learningRate: number;
      readonly tokensPerSecond: number;
      /** Loss on the text that was set apart, where it was measured after this step. */
      readonly validation: number | null;
    }
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'archive'; readonly name: string; readonly content: Blob }
  | { readonly kind: 'model'; readonly name: string; readonly files: readonly File[] }
  | { readonly kind: 'failed'; readonly failure: Failure };
