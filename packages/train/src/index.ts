/** `@inattention/train`: data, optimizer, training steps and the loop over them, on any backend. */

export { checkpointFiles, readCheckpoint, readCheckpointProgress } from './checkpoint/checkpoint-files.ts';
export { type FileContent, modelFiles } from './checkpoint/model-files.ts';
export type { Batch, BatchSource, Cursor, TrainingText } from './data/batch-source.ts';
export { type SubsetOptions, subsetOfDocuments } from './data/document-subset.ts';
export { type DocumentSource, documentsInMemory, type TextPiece, wholeDocuments } from './data/documents.ts';
export { type ExampleBatchesOptions, exampleBatches } from './data/example-batches.ts';
export { documentExamples, type ExampleOptions, type Examples, packedExamples } from './data/examples.ts';
export { type JsonlDocumentsOptions, jsonlDocuments } from './data/jsonl-documents.ts';
export { samplePositions } from './data/sample-positions.ts';
export { type DocumentRange, type DocumentSplit, type SplitOptions, splitDocuments } from './data/split-documents.ts';
export { type TextDocumentsOptions, textDocuments } from './data/text-documents.ts';
export { type DocumentSpan, type TokenData, type TokensInMemoryOptions, tokensInMemory } from './data/token-data.ts';
export { checkTokenFile, openTokenFile } from './data/token-file.ts';
export { tokenRange } from './data/token-range.ts';
export { type TokenizeOptions, type TokenizeProgress, tokenizeInMemory } from './data/tokenize-documents.ts';
export { describePositions, extendContext, type RopeExtension, ropeExtensions } from './extension/extend-context.ts';
export { AdamW, type AdamWSettings, type Moments } from './optimizer/adamw.ts';
export { checkSchedule, learningRateAt, type Schedule } from './optimizer/schedule.ts';
export {
  type Checkpointing,
  kernelScratchBytes,
  planTraining,
  type TrainingPlan,
  type TrainingPlanOptions,
} from './plan/plan-training.ts';
export type { BatchContextKind, ComputeOptions } from './step/compute-options.ts';
export type { Distillation, DistillationSettings } from './step/distillation.ts';
export { type BatchLossValue, evaluateBatch } from './step/evaluate.ts';
export { computeGradients, type GradientOptions, type StepGradients } from './step/gradients.ts';
export { type Parameter, parametersOf } from './step/parameters.ts';
export type { DocumentMask } from './step/segments.ts';
export { isTrained, type TrainedPart } from './step/trained-parameters.ts';
export { type DeriveOptions, deriveModel } from './switching/derive-model.ts';
export { checkSwitching, type Switching, switchedCount, switchedTypes } from './switching/switching.ts';
export { type AddedToken, serializeTokenizer, type TokenizerJson } from './tokenizer/tokenizer-json.ts';
export {
  type TokenizerProgress,
  type TrainedTokenizer,
  type TrainTokenizerOptions,
  trainTokenizer,
} from './tokenizer/train-tokenizer.ts';
export type {
  CheckpointStore,
  KeptTensor,
  SavedTraining,
  TrainingProgress,
  TrainingSettings,
} from './trainer/saved-training.ts';
export { type TrainingEvent, type TrainingObserver, type TrainOptions, train } from './trainer/train.ts';
export { type Evaluation, Trainer, type TrainingStep } from './trainer/trainer.ts';
