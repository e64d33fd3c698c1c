/** A small model as contexts see it, on a host backend (or the given one): D = 4, one head of 4, V = 20. */

import type { Backend } from '../src/backend/backend.ts';
import { ContextModel } from '../src/math/context-model.ts';
import type { ModelConfig } from '../src/math/model-config.ts';
import { storedDType, type WeightDType } from '../src/math/weight-storage.ts';
import { EagerOperations } from '../src/operations/eager-operations.ts';
import { isBlockDType } from '../src/tensor/dtype.ts';
import { quantizeBlocks } from '../src/tensor/quantize-blocks.ts';
import { Tensor } from '../src/tensor/tensor.ts';
import { encodeWeightBlocks } from '../src/tensor/weight-blocks.ts';
import { createHostBackend } from '../src/testing/host-backend.ts';

const base: ModelConfig = {
  modelType: 'inattention',
  vocabSize: 20,
  hiddenSize: 4,
  intermediateSize: 4,
  numHiddenLayers: 1,
  numAttentionHeads: 1,
  numKeyValueHeads: 1,
  headDim: 4,
  maxPositionEmbeddings: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  tieWordEmbeddings: true,
  initialStateWindow: 1,
  positionEmbeddingType: 'none',
  attentionTypes: ['inattention'],
  eosTokenIds: [],
};

export interface SmallContextModel {
  readonly backend: Backend;
  readonly model: ContextModel;
}

export function smallContextModel(
  changes: Partial<ModelConfig> = {},
  options: { readonly tableBudget?: number; readonly backend?: Backend; readonly weightDType?: WeightDType } = {},
): SmallContextModel {
  const { backend = createHostBackend(), weightDType = 'f32', ...rest } = options;
  const config = { ...base, ...changes };
  const { hiddenSize: D, vocabSize: V, initialStateWindow: window, numKeyValueHeads, headDim } = config;
  const operations = new EagerOperations(backend);
  let next = 1; // its square under the sine: consecutive angles would make matrices of rank 2
  const weight = (...shape: number[]) => {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    const numbers = Float32Array.from({ length: size }, () => Math.sin(0.7 * next * next++));
    const dtype = storedDType(shape, weightDType);
    if (dtype === 'i8') return Tensor.fromBlocks(backend, quantizeBlocks(numbers, shape), 'weights');
    if (isBlockDType(dtype)) {
      return Tensor.fromEncoded(backend, dtype, encodeWeightBlocks(dtype, numbers, 'a weight'), shape, 'weights');
    }
    if (dtype === 'f32') return operations.upload(numbers, shape, 'weights');
    using exact = Tensor.from(backend, numbers, shape, 'weights');
    return operations.cast(exact, dtype);
  };
  const width = numKeyValueHeads * headDim;
  const weights = {
    embedding: weight(V, D),
    positions: config.positionEmbeddingType === 'learned' ? weight(config.maxPositionEmbeddings, D) : null,
    initialState: window === 1 ? null : weight(window - 1, D, D),
    layers: config.attentionTypes.map(() => ({
      norm: weight(D),
      key: weight(width, D),
      value: weight(width, D),
      keyBias: config.attentionBias === undefined ? null : weight(width),
      valueBias: config.attentionBias === undefined ? null : weight(width),
      keyNorm: config.queryKeyNorm ? weight(headDim) : null,
    })),
  };
  return { backend, model: new ContextModel(operations, config, weights, rest) };
}
