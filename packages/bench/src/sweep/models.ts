/**
 * The two models of a sweep over one set of random weights: InAttention, and the plain transformer that shares every
 * tensor with it but the initial-state window. Shared, so that a device holds them once and each variant meets the
 * memory it would have alone.
 */

import { type Backend, EagerOperations, Tensor, throwIfAborted } from '@inattention/core';
import { type ModelConfig, parameterCount, weightBytes } from '@inattention/core/math';
import { collectWeights, Model, randomWeights } from '@inattention/model';

export interface SweepModels {
  readonly inattention: Model;
  readonly self: Model;
  [Symbol.dispose](): void;
}

/**
 * Makes both models. The window of new models is 0; here it is given the size of other weights, so that its work is
 * real. Throws AbortedError between tensors, OutOfMemoryError; nothing is left behind then.
 */
export async function createSweepModels(
  backend: Backend,
  inattention: ModelConfig,
  self: ModelConfig,
  signal?: AbortSignal,
): Promise<SweepModels> {
  const tensors = new Map<string, Tensor>();
  const models: Model[] = [];
  const make = (config: ModelConfig, get: (name: string) => Tensor): Model => {
    const operations = new EagerOperations(backend);
    const weights = collectWeights(config, get);
    const model = new Model({ backend, operations, config, weights, tokenizer: null, fingerprint: 'sweep' });
    models.push(model);
    return model;
  };
  try {
    for (const { name, shape, data } of randomWeights(inattention, { seed: 1, windowDeviation: 0.02 })) {
      throwIfAborted(signal, 'The sweep');
      tensors.set(name, Tensor.from(backend, data, shape, 'weights'));
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
export function residentBytes(inattention: ModelConfig, self: ModelConfig): number {
  return weightBytes(inattention) + weightBytes(self) - 4 * parameterCount(self);
}
