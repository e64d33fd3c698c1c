/** Test support: a small random model that reads bytes, on the CPU backend. */

import type { ModelConfig } from '@inattention/core/math';
import { createCpuBackend } from '@inattention/cpu';
import { createByteTokenizer, filesInMemory, serializeConfig, writeSafetensors } from '@inattention/formats';
import { type CreateOptions, createModel, randomWeights } from '../src/create-model.ts';

export const config: ModelConfig = {
  modelType: 'inattention',
  vocabSize: 256,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  maxPositionEmbeddings: 512,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  tieWordEmbeddings: true,
  initialStateWindow: 3,
  positionEmbeddingType: 'rope',
  attentionTypes: ['inattention', 'inattention'],
  eosTokenIds: [],
};

const weights = { seed: 3, deviation: 0.3, windowDeviation: 0.2 };

/** A fresh backend with the model on it. */
export async function makeModel(changes: Partial<ModelConfig> = {}, options: CreateOptions = {}) {
  const backend = await createCpuBackend();
  const tokenizer = createByteTokenizer({ endOfText: changes.vocabSize === 257 });
  const model = createModel({ ...config, ...changes }, backend, { ...weights, tokenizer, ...options });
  return { backend, model };
}

/** The same model as the files of a folder. */
export function modelFiles(spoil: (name: string, data: Float32Array) => void = () => undefined) {
  const tensors = [...randomWeights(config, weights)];
  for (const { name, data } of tensors) spoil(name, data);
  const configBytes = new TextEncoder().encode(JSON.stringify(serializeConfig(config)));
  return new Map([
    ['config.json', configBytes],
    ['model.safetensors', writeSafetensors(tensors)],
  ]);
}

export function folder(files: ReadonlyMap<string, Uint8Array>) {
  return filesInMemory(files);
}
