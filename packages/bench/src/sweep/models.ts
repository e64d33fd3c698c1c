/**
 * The two models of a sweep over one set of random weights: InAttention, and the plain transformer that shares every
 * tensor with it but the initial-state window. Shared, so that a device holds them once and each variant meets the
 * memory it would have alone.
 */

import { type Backend, EagerOperations, type Tensor, throwIfAborted } from '@inattention/core';
import { type ModelConfig, parameterCount, type WeightDType, weightBytes } from '@inattention/core/math';
import { checkWeightDType, collectWeights, Model, placeWeight, randomWeights } from '@inattention/model';

export interface SweepModels {
  readonly inattention: Model;
  readonly self: Model;
  [Symbol.dispose](): void;
}

/**
 * Makes both models. The window of new models is 0; here it is given the size of other weights, so that its work is
 * real. Throws AbortedError between tensors, OutOfMemoryError, UnsupportedError for the dtype; nothing is left behind then.
 */
export async function createSweepModels(
  backend: Backend,
  inattention: ModelConfig,
  self: ModelConfig,
  weightDType: WeightDType,
  signal?: AbortSignal,
): Promise<SweepModels> {
  checkWeightDType(backend, weightDType);
  const tensors = new Map<string, Tensor>();
  const models: Model[] = [];
  const make = (config: ModelConfig, get: (name: string) => Tensor): Model => {
    const operations = new EagerOperations(backend);
    const weights = collectWeights(config, get);
    const model = new Model({
      operations,
      config,
      weights,
      weightDType,
      tokenizer: null,
      fingerprint: 'sweep',
    });
    models.push(model);
    return model;
  };
  try {
    for (const weight of randomWeights(inattention, { seed: 1, windowDeviation: 0.02 })) {
      throwIfAborted(signal, 'The sweep');
      tensors.set(weight.name, placeWeight(backend, weight, weightDType));
      await backend.sync();
    }
    const own = (name: string) => tensors.get(name) as Tensor;
    const shared = (name: string) => own(name).reshape(own(name).shape);
    return {
      inattention: make(inattention, own),
      self: make(self, shared),
      [Symbol.dispose]: () => {
        for (const model of models) model.dispose();
      },
    };
  } catch (error) {
    for (const model of models) model.dispose();
    for (const tensor of tensors.values()) tensor.dispose();
    throw error;
  }
}

/** Device bytes of both models: the weights once, rotary angles and slopes once for each. */
export function residentBytes(inattention: ModelConfig, self: ModelConfig, weightDType: WeightDType): number {
  const anglesAndSlopes = weightBytes(self, 'f32') - 4 * parameterCount(self);
  return weightBytes(inattention, weightDType) + anglesAndSlopes;
}
