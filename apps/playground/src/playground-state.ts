/** What the page shows. */

import type { ContextMode } from '@inattention/core/math';
import type { ModelDescription } from '@inattention/model/worker';
import type { Failure } from './failure.ts';

/** A piece of the context: the context is its parts one after another. */
export interface Part {
  readonly key: number;
  readonly name: string;
  readonly text: string;
  /** Ids of the text; null while it has not been tokenised. */
  readonly ids: Int32Array | null;
  /** Counts changes that did not come from the part's own text field. */
  readonly revision: number;
}

export type ContextModeChoice = ContextMode | 'auto';

export interface SamplingSettings {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
  readonly maxTokens: number;
}

interface NextToken {
  readonly text: string;
  readonly probability: number;
}

/** A change of the context, and how long until the next token was known again. */
interface ContextChange {
  readonly position: number;
  readonly removed: number;
  readonly added: number;
  /** Tokens after the change. */
  readonly length: number;
  readonly tokenizeMs: number;
  /** To take the change in. */
  readonly changeMs: number;
  /** From there to the distribution of the next token. */
  readonly stepMs: number;
}

interface GenerationReport {
  readonly tokens: number;
  readonly firstTokenMs: number;
  readonly tokensPerSecond: number;
  readonly finish: string;
}

export interface Continuation {
  readonly seed: number;
  readonly text: string;
  readonly done: boolean;
}

interface SessionReport {
  readonly mode: ContextMode;
  readonly contextBytes: number;
  readonly tableBytes: number;
}

/** What keeps the page busy, in words, and how far it is (0 … 1, null: unknown). */
interface Busy {
  readonly what: string;
  readonly share: number | null;
}

export interface PlaygroundState {
  readonly modelName: string | null;
  readonly model: ModelDescription | null;
  readonly session: SessionReport | null;
  readonly mode: ContextModeChoice;
  readonly parts: readonly Part[];
  /** Ids of the whole context, as the session holds them. */
  readonly ids: Int32Array;
  readonly distinct: number;
  readonly next: readonly NextToken[];
  readonly change: ContextChange | null;
  readonly generating: boolean;
  readonly generation: GenerationReport | null;
  readonly comparison: readonly Continuation[];
  readonly busy: Busy | null;
  readonly failure: Failure | null;
  /** What happened without anybody's doing, and went well. */
  readonly notice: string | null;
  readonly sampling: SamplingSettings;
}

export const defaultSampling: SamplingSettings = {
  temperature: 0.8,
  topK: 0,
  topP: 0.95,
  repetitionPenalty: 1.1,
  seed: 1,
  maxTokens: 120,
};
