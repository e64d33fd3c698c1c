/**
 * A trained model as the files that everything else opens (DESIGN §6): config.json, model.safetensors and what belongs to
 * the model besides, such as its tokenizer.json. Where they are written is the caller's: a folder, a browser's storage.
 */

import type { ModelConfig } from '@inattention/core/math';
import { encodeWeights, layOutSafetensors, serializeConfig, type WeightDType } from '@inattention/formats';
import type { KeptTensor } from '../trainer/saved-training.ts';

/** Bytes of a file, in pieces made when it is their turn. */
export type FileContent = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

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
