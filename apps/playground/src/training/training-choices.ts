/** What the user decides of a training run, and within which bounds. */

export interface TrainingChoices {
  readonly steps: number;
  /** The highest: it rises to it at the beginning, and falls to a tenth of it. */
  readonly learningRate: number;
  /** Positions of each text. */
  readonly contextLength: number;
  /** Texts of a step. */
  readonly batchSize: number;
  /** Steps from one sample to the next. */
  readonly sampleEvery: number;
  readonly seed: number;
}

export const defaultChoices: TrainingChoices = {
  steps: 200,
  learningRate: 0.0005,
  contextLength: 128,
  batchSize: 4,
  sampleEvery: 20,
  seed: 1,
};

interface ChoiceField {
  readonly name: keyof TrainingChoices;
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number | 'any';
}

export const choiceFields: readonly ChoiceField[] = [
  { name: 'steps', label: 'Steps', min: 1, max: 100_000, step: 1 },
  { name: 'learningRate', label: 'Learning rate', min: 0, max: 10, step: 'any' },
  { name: 'contextLength', label: 'Context length', min: 8, max: 16_384, step: 1 },
  { name: 'batchSize', label: 'Texts per step', min: 1, max: 64, step: 1 },
  { name: 'sampleEvery', label: 'Sample every', min: 1, max: 10_000, step: 1 },
  { name: 'seed', label: 'Training seed', min: 0, max: 2 ** 31, step: 1 },
];
