/** A small untrained model with a tokenizer of its own, as files in a folder: for tests of the page alone. */

import type { ModelConfig } from '@inattention/core/math';
import { createCpuBackend } from '@inattention/cpu';
import { createModel } from '@inattention/model';
import { parametersOf, serializeTokenizer, trainTokenizer } from '@inattention/train';
import { writeModelFolder } from '@inattention/train/node';

export const sampleText =
  'The whale swam round the ship, and the ship went round the world. Nobody had seen the whale before the ship came. ';

export const madeConfig: Omit<ModelConfig, 'vocabSize' | 'eosTokenIds'> = {
  modelType: 'inattention',
  hiddenSize: 32,
  intermediateSize: 64,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  numKeyValueHeads: 2,
  headDim: 16,
  maxPositionEmbeddings: 256,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  tieWordEmbeddings: true,
  initialStateWindow: 3,
  positionEmbeddingType: 'rope',
  attentionTypes: ['inattention', 'inattention'],
};

export async function writeMadeModel(folder: string): Promise<void> {
  const { json, vocabSize } = await trainTokenizer([sampleText.repeat(20)], { vocabSize: 300 });
  const backend = await createCpuBackend({ threads: 1 });
  try {
    using model = createModel({ ...madeConfig, vocabSize, eosTokenIds: [] }, backend, { seed: 5, deviation: 0.3 });
    const weights = new Map(
      parametersOf(model).map(({ name, tensor }) => [name, { shape: tensor.shape, read: () => tensor.readFloat32() }]),
    );
    const files = new Map([['tokenizer.json', new TextEncoder().encode(serializeTokenizer(json))]]);
    await writeModelFolder(folder, { config: model.config, weights }, { files });
  } finally {
    backend.dispose();
  }
}
