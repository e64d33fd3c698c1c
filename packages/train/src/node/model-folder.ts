/** A trained model as a folder on disk. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { WeightDType } from '@inattention/formats';
import { modelFiles } from '../checkpoint/model-files.ts';
import type { SavedTraining } from '../trainer/saved-training.ts';
import { writeWholeFile } from './whole-files.ts';

export interface ModelFolderOptions {
  /** What weights are stored in. Default F32. */
  readonly dtype?: WeightDType;
  /** Other files of the model by name: tokenizer.json. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

/**
 * Writes a model into a folder, which is made if need be; files of these names are replaced, each whole, others stay.
 * Throws InvalidFileError when it cannot be written.
 */
export async function writeModelFolder(
  folder: string,
  { config, weights }: Pick<SavedTraining, 'config' | 'weights'>,
  { dtype = 'F32', files = new Map() }: ModelFolderOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of modelFiles(config, weights, dtype, files))
    await writeWholeFile(join(folder, name), content);
}
