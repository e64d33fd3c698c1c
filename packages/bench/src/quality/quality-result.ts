/** What the quality bench finds: a versioned schema of its own. Losses are nats per token. */

import type { AttentionType, PositionEmbeddingType } from '@inattention/core/math';

export const qualitySchema = 'inattention-quality/1';

/** A model that was measured. */
export interface QualityModel {
  /** Its folder, or the name of a shipped model. */
  readonly name: string;
  readonly parameters: number;
  /** `hybrid`: layers of both kinds. */
  readonly attention: AttentionType | 'hybrid';
  readonly window: number;
  readonly positions: PositionEmbeddingType;
  /** Longest texts it was trained on, as its configuration says. */
  readonly contextLength: number;
}

/** Loss of a model on the whole text, cut into windows. */
export interface TestLossRow {
  readonly model: string;
  readonly loss: number;
  /** Tokens foreseen. */
  readonly lossTerms: number;
  /** Bits per UTF-8 byte of the text, which models of different tokenizers can be compared by; null for a file of tokens. */
  readonly bitsPerByte: number | null;
}

/** Loss of a model at the chosen targets, each with this many tokens before it and no more. */
export interface ContextLossRow {
  readonly model: string;
  /** n: tokens of context. */
  readonly tokens: number;
  /** null when it was not measured. */
  readonly loss: number | null;
  /** Of the mean, over targets. */
  readonly standardError: number | null;
  /** Mean over targets of the loss less that at the length before; null at the first. Below 0: more context helped. */
  readonly change: number | null;
  /** Standard error of that mean of differences. */
  readonly changeError: number | null;
  /** Why it was not measured. */
  readonly reason?: string;
}

export interface ContextLosses {
  readonly lengths: readonly number[];
  /** Targets: the same for every length and model. */
  readonly targets: number;
  /** Documents that are long enough to have some. */
  readonly documents: number;
  readonly seed: number;
  /** Models with self layers were measured up to this length. */
  readonly selfUpTo: number;
  readonly rows: readonly ContextLossRow[];
}

/** A kind of model that a task is learnt by. */
export interface TaskVariant {
  readonly attention: AttentionType;
  readonly positions: PositionEmbeddingType;
  /** w */
  readonly window: number;
}

/** A task learnt by one kind of model from nothing. */
export interface TaskRow extends TaskVariant {
  readonly task: string;
  readonly parameters: number;
  readonly steps: number;
  /** Answers that were right, of `answers` on texts that training did not see. */
  readonly correct: number;
  readonly answers: number;
  /** Step after which accuracy was first at least 95 %, as far as it was looked at; null: never. */
  readonly learntAt: number | null;
  /** Mean training loss of the last tenth of the steps, over the answers. */
  readonly loss: number;
  /** Of training. */
  readonly seconds: number;
}

/** How every model of the tasks is made and trained. */
export interface TaskSettings {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly heads: number;
  readonly batch: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly warmup: number;
  readonly weightDecay: number;
  /** Standard deviation of new weights. */
  readonly deviation: number;
  readonly seed: number;
  /** Texts that accuracy is measured on. */
  readonly testTexts: number;
}

export interface TaskResults {
  readonly settings: TaskSettings;
  readonly tasks: readonly { readonly name: string; readonly description: string; readonly chance: number }[];
  readonly rows: readonly TaskRow[];
}

export interface QualityText {
  /** The file's name. */
  readonly name: string;
  readonly documents: number;
  /** UTF-8 bytes of the documents; null for a file of tokens. */
  readonly bytes: number | null;
}

export interface QualityResult {
  readonly schema: typeof qualitySchema;
  /** When it began, ISO 8601. */
  readonly created: string;
  readonly command?: string;
  /** Set when it ended early: why. */
  readonly interrupted?: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly backend: string;
  readonly device: string;
  /** Parts that were not asked for are null. */
  readonly text: QualityText | null;
  readonly models: readonly QualityModel[];
  /** Windows of so many positions. */
  readonly testLoss: { readonly windowLength: number; readonly rows: readonly TestLossRow[] } | null;
  readonly contextLoss: ContextLosses | null;
  readonly tasks: TaskResults | null;
}
