/**
 * A trained model as the folder that everything else opens (DESIGN §6): config.json, model.safetensors and what belongs to
 * the model besides, such as its tokenizer.json.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelConfig } from '@inattention/core/math';
import { encodeWeights, layOutSafetensors, serializeConfig, type WeightDType } from '@inattention/formats';
import type { KeptTensor, SavedTraining } from '../trainer/saved-training.ts';
import { type FileContent, writeWholeFile } from './whole-files.ts';

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

/** The files of a model's folder. Weights come last: where they are, the rest is. */
export function modelFiles(
  config: ModelConfig,
  weights: ReadonlyMap<string, KeptTensor>,
  dtype: WeightDType,
  files: ReadonlyMap<string, Uint8Array>,
): Map<string, FileContent> {
  return new Map<string, FileContent>([
    ...[...files].map(([name, bytes]) => [name, [bytes]] as const),
    ['config.json', [jsonBytes(serializeConfig(config))]],
    ['model.safetensors', safetensors(weights, dtype)],
  ]);
}

/** A safetensors file of tensors that are read one at a time. */
export async function* safetensors(
  tensors: ReadonlyMap<string, KeptTensor>,
  dtype: WeightDType = 'F32',
): AsyncGenerator<Uint8Array, void, undefined> {
  const layouts = [...tensors].map(([name, { shape }]) => ({ name, shape, dtype }));
  const { header, tensors: order } = layOutSafetensors(layouts);
  yield header;
  for (const { name } of order) yield encodeWeights(dtype, await (tensors.get(name) as KeptTensor).read());
}

export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}
