/** `@inattention/train`: data, optimizer, training steps and the loop over them, on any backend. */

export type { Batch, BatchSource, Cursor, TrainingText } from './data/batch-source.ts';
