/** A model in training, in some library, that takes one step at a time. */

/** Takes steps on the same batch from the same weights as every other contestant of its task. */
export interface StepContestant {
  readonly name: string;
  readonly kind: 'ours' | 'peer';
  readonly window: number;
  readonly threads: number;
  readonly note?: string;
  /** Whether its processor time is this program's. */
  readonly inProcess: boolean;
  /** Forward, backward, AdamW; the loss before the step, and how long it took in ms. */
  step(): Promise<{ readonly loss: number; readonly ms: number }>;
  dispose(): void;
}
