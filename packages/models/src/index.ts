/** `@inattention/models`: trained models as files, and the record of how each was made. Reads nothing by itself. */

export { models } from './shipped.ts';
export type {
  FileName,
  LossCurve,
  ShippedModel,
  TestLoss,
  TextSource,
  TrainingRecord,
} from './shipped-model.ts';
