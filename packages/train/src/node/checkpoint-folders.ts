/** Checkpoints in folders, opened for a run to go on from. Which there are: checkpoints.ts. */

import { openDirectory } from '@inattention/formats/node';
import { readCheckpoint, readCheckpointProgress } from '../checkpoint/checkpoint-files.ts';
import type { SavedTraining, TrainingProgress } from '../trainer/saved-training.ts';

/**
 * Opens a checkpoint's folder. Tensors are read when they are asked for. Throws InvalidFileError or InvalidConfigError for
 * what is missing or damaged.
 */
export async function openCheckpoint(folder: string): Promise<SavedTraining> {
  return readCheckpoint(await openDirectory(folder));
}

/** How far a checkpoint's run had come. Throws InvalidFileError. */
export async function readProgress(folder: string): Promise<TrainingProgress> {
  return readCheckpointProgress(await openDirectory(folder));
}
