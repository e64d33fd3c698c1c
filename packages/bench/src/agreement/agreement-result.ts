/** What the agreement bench finds: a versioned schema of its own. */

import type { ContextMode } from '@inattention/core/math';
import type { SweepResult } from '../result.ts';

export const agreementSchema = 'inattention-agreement/1';

/** One way to run the model. */
export interface AgreementRun {
  readonly backend: string;
  readonly device: string;
  /** A processor that plays GPU. */
  readonly software: boolean;
  readonly mode: ContextMode;
}

/** Where a run foresees another token than the reference. */
export interface Disagreement {
  /** Tokens before the foreseen one. */
  readonly position: number;
  readonly expectedId: number;
  readonly gotId: number;
  /** By how much the reference prefers its own choice, over its largest |logit| there: tiny for a near tie. */
  readonly margin: number;
}

/** A run beside the reference, over the same text. */
export interface AgreementRow extends AgreementRun {
  /** Positions at which the most likely next token is the reference's. */
  readonly agreed: number;
  readonly positions: number;
  /** Largest |logit − reference| over the largest |logit| of the reference at that position. */
  readonly largestDifference: number;
  /** The first few. */
  readonly disagreements: readonly Disagreement[];
}

export interface AgreementResult {
  readonly schema: typeof agreementSchema;
  readonly created: string;
  /** Set when the run ended early: why. Rows are of the positions before that. */
  readonly interrupted?: string;
  readonly environment: SweepResult['environment'];
  readonly model: { readonly name: string; readonly parameters: number; readonly vocabSize: number };
  readonly text: { readonly name: string; readonly tokens: number };
  readonly reference: AgreementRun;
  readonly rows: readonly AgreementRow[];
}
