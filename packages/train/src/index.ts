/** `@inattention/train`: data, optimizer, training steps and the loop over them, on any backend. */

export type { Batch, BatchSource, Cursor, TrainingText } from './data/batch-source.ts';
export { AdamW, type AdamWSettings, type Moments } from './optimizer/adamw.ts';
export { checkSchedule, learningRateAt, type Schedule } from './optimizer/schedule.ts';
export type { DocumentMask } from './step/batch-rows.ts';
export { type BatchLossValue, evaluateBatch } from './step/evaluate.ts';
export { computeGradients, type StepGradients } from './step/gradients.ts';
export { type Parameter, parametersOf } from './step/parameters.ts';
export type {
  CheckpointStore,
  KeptTensor,
  SavedTraining,
  TrainingProgress,
  TrainingSettings,
} from './trainer/saved-training.ts';
export { type TrainingEvent, type TrainingObserver, type TrainOptions, train } from './trainer/train.ts';
export { type Evaluation, Trainer, type TrainingStep } from './trainer/trainer.ts';
