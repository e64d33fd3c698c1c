/** The model of a golden case, which the caller disposes of. */

import type { loadGoldenCase } from '@inattention/conformance/golden';
import { type Backend, EagerOperations, Tensor } from '@inattention/core';
import { collectWeights, Model } from '@inattention/model';

type GoldenCase = Awaited<ReturnType<typeof loadGoldenCase>>;

export function goldenModel(backend: Backend, { name, config, weights }: GoldenCase): Model {
  return new Model({
    operations: new EagerOperations(backend),
    config,
    weights: collectWeights(config, (parameter) => {
      const { data, shape } = weights.get(parameter) as { data: Float32Array; shape: readonly number[] };
      return Tensor.from(backend, data, shape, 'weights');
    }),
    tokenizer: null,
    fingerprint: name,
  });
}
