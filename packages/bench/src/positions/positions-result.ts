/** What the bench of chosen positions measures: a training step's time and peak bytes, by length of text and by how. */

export const positionsResultSchema = 'inattention-bench-positions/1';

/**
 * How a step is computed. `tables` and `dense`: losses of K positions, keys and values by table row or by position.
 * `full` and `full-self`: losses of all N positions, of the InAttention model and of its self-attention twin. `short`:
 * losses of all positions of a text of K: as many loss terms as `tables`, each with less to look at.
 */
export type StepKind = 'tables' | 'dense' | 'full' | 'full-self' | 'short';

export interface StepRow {
  readonly kind: StepKind;
  /** Losses of a step. */
  readonly lossTerms: number;
  /** Median time of a step: loss, gradients, AdamW; null: not run. */
  readonly stepMs: number | null;
  /** The step's time for K loss terms: stepMs · K / lossTerms. */
  readonly equalTermsMs: number | null;
  /** The ledger's peak of live bytes, weights, gradients and optimizer included; null: not run. */
  readonly peakBytes: number | null;
  /** What `planTraining` says beforehand: never exceeded. */
  readonly plannedBytes: number;
  /** Steps timed. */
  readonly steps: number;
}

export interface LengthRow {
  /** N */
  readonly length: number;
  /** Distinct ids of the text. */
  readonly distinct: number;
  readonly steps: readonly StepRow[];
}

export interface PositionsResult {
  readonly schema: typeof positionsResultSchema;
  /** When it began, ISO 8601. */
  readonly created: string;
  readonly command: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly backend: { readonly name: string; readonly device: string };
  readonly shape: string;
  readonly parameters: number;
  readonly window: number;
  readonly text: { readonly title: string; readonly tokenizer: string };
  /** K, drawn uniformly without replacement. */
  readonly positions: number;
  readonly rounds: number;
  /** Losses of all positions are run to this length. */
  readonly fullUpTo: number;
  /** FLOP/s of a product of 512³, measured in the same run. */
  readonly gemmRate: number;
  readonly rows: readonly LengthRow[];
}
