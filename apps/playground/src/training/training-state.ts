/** What the page shows of training. */

import type { Failure } from '../failure.ts';
import { defaultChoices, type TrainingChoices } from './training-choices.ts';
import type { TrainingHistory } from './training-protocol.ts';
import { noHistory } from './training-protocol.ts';

/** `unknown` until the worker has looked whether a run was kept. */
type TrainingPhase = 'unknown' | 'none' | 'preparing' | 'running' | 'ending' | 'paused' | 'stopped' | 'finished';

export interface TrainingState {
  readonly phase: TrainingPhase;
  readonly choices: TrainingChoices;
  /** Of the model the run began from. */
  readonly modelName: string | null;
  readonly history: TrainingHistory;
  readonly busy: { readonly what: string; readonly share: number | null } | null;
  readonly running: { readonly device: string; readonly tokens: number; readonly heldOut: number } | null;
  readonly learningRate: number | null;
  readonly tokensPerSecond: number | null;
  /** Whether the run survives a reload; null until known. */
  readonly persistent: boolean | null;
  readonly failure: Failure | null;
}

export const beforeTraining: TrainingState = {
  phase: 'unknown',
  choices: defaultChoices,
  modelName: null,
  history: noHistory,
  busy: null,
  running: null,
  learningRate: null,
  tokensPerSecond: null,
  persistent: null,
  failure: null,
};
