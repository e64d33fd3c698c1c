/** What the bench of switching finds: a versioned schema of its own. Losses are nats per token of the held-out text. */

export const switchingSchema = 'inattention-switching/1';

/** Losses with layers switched to inattention and nothing trained. */
export interface SwitchedRow {
  readonly layer: number;
  /** This layer alone; null when it was not measured. */
  readonly alone: number | null;
  /** Layers 0 to this one. */
  readonly cumulative: number | null;
}

/** A layer that was switched after those in the rows before it, and trained. */
export interface HealedRow {
  readonly layer: number;
  /** With this layer switched, before its training. */
  readonly before: number;
  readonly after: number;
  /** Steps between the two. */
  readonly steps: number;
  /** Loss of distillation, mean of the last fifth of the steps. */
  readonly trainingLoss: number;
  /** Of the steps. */
  readonly seconds: number;
}

/** How layers were healed: distillation from the original, the switched layers alone trained. */
export interface HealingSettings {
  /** In their order. */
  readonly layers: readonly number[];
  /** Steps with a layer before the next is switched. */
  readonly steps: number;
  /** Positions of a step's one text. */
  readonly length: number;
  readonly learningRate: number;
  readonly temperature: number;
  /** Share of the divergence in the loss. */
  readonly weight: number;
  readonly seed: number;
}

export interface SwitchingResult {
  readonly schema: typeof switchingSchema;
  /** When it began, ISO 8601. */
  readonly created: string;
  readonly command?: string;
  /** Set when it ended early: why. */
  readonly interrupted?: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly backend: string;
  readonly device: string;
  readonly model: { readonly name: string; readonly parameters: number; readonly layers: number };
  /** Held out: not trained on. */
  readonly text: { readonly name: string; readonly tokens: number };
  /** Loss of the model as it is. */
  readonly original: number;
  readonly rows: readonly SwitchedRow[];
  /** null when no healing was asked for. */
  readonly healing: {
    readonly settings: HealingSettings;
    readonly text: { readonly name: string; readonly tokens: number };
    /** Ledger's peak over all of it, and what `planTraining` says beforehand. */
    readonly peakBytes: number;
    readonly plannedBytes: number;
    readonly rows: readonly HealedRow[];
  } | null;
}
