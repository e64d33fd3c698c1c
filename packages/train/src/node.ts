/** `@inattention/train/node`: what training keeps in files. */

export type { FileContent } from './checkpoint/model-files.ts';
export { openCheckpoint, readProgress } from './node/checkpoint-folders.ts';
export {
  bestCheckpoint,
  type CheckpointFolder,
  type CheckpointOptions,
  createCheckpointStore,
  latestCheckpoint,
  listCheckpoints,
} from './node/checkpoints.ts';
export { appendMetrics } from './node/metrics.ts';
export { type ModelFolderOptions, writeModelFolder } from './node/model-folder.ts';
export { openDocuments, openTokens } from './node/text-sources.ts';
export { type PreparedTokens, prepareTokens } from './node/token-file-writer.ts';
export { writeWholeFile, writeWholeFolder } from './node/whole-files.ts';
