/**
 * A new model with random weights: what training starts from, and what benches and tests run. Normal with standard
 * deviation 0.02 (GPT-2's), residual projections scaled by 1/√(2L), norms at 1, biases at 0 unless `biasDeviation` says
 * otherwise, the initial-state window at 0 unless `windowDeviation` does.
 */

import { type Backend, EagerOperations, type Shape, sizeOf, type Tensor } from '@inattention/core';
import type { ModelConfig, WeightDType } from '@inattention/core/math';
import { expectedTensors, Fingerprint, serializeConfig, type Tokenizer } from '@inattention/formats';
import { collectWeights, type DecoderWeights } from './decoder-weights.ts';
import { type Model, modelOwning } from './model.ts';
import { placeWeight } from './place-rounded.ts';
import { checkWeightDType } from './place-weight.ts';
import { Random } from './sampling/random.ts';

export interface CreateOptions {
  /** Seed of the weights. Default 0. */
  readonly seed?: number;
  readonly tokenizer?: Tokenizer | null;
  /** Standard deviation of embeddings and projections. Default 0.02. */
  readonly deviation?: number;
  /** Standard deviation of the initial-state window M. Default 0: the window starts switched off. */
  readonly windowDeviation?: number;
  /** Standard deviation of biases. Default 0. */
  readonly biasDeviation?: number;
  /** Bytes each table may take. Default: no limit. */
  readonly tableBudget?: number;
  /** What matrices are kept in. Default f32. */
  readonly weightDType?: WeightDType;
}

/** Random weights of a configuration by tensor name, f32. */
export function* randomWeights(
  config: ModelConfig,
  {
    seed = 0,
    deviation = 0.02,
    windowDeviation = 0,
    biasDeviation = 0,
  }: Pick<CreateOptions, 'seed' | 'deviation' | 'windowDeviation' | 'biasDeviation'> = {},
): Generator<{ readonly name: string; readonly shape: Shape; readonly data: Float32Array }> {
  const random = Random.seeded(seed);
  const residual = deviation / Math.sqrt(2 * config.numHiddenLayers);
  for (const [name, shape] of expectedTensors(config)) {
    const data = new Float32Array(sizeOf(shape));
    if (/norm\.weight$/.test(name)) data.fill(1);
    else {
      const spread = /(o_proj|down_proj)\.weight$/.test(name)
        ? residual
        : name === 'model.initial_state.weight'
          ? windowDeviation
          : name.endsWith('.bias')
            ? biasDeviation
            : deviation;
      if (spread > 0) for (let i = 0; i < data.length; i += 1) data[i] = spread * random.normal();
    }
    yield { name, shape, data };
  }
}

/** A model with random weights on a backend, which the caller keeps. Throws UnsupportedError for a dtype it does not take. */
export function createModel(config: ModelConfig, backend: Backend, options: CreateOptions = {}): Model {
  const { weightDType = 'f32' } = options;
  checkWeightDType(backend, weightDType);
  return modelOwning({
    operations: new EagerOperations(backend),
    config,
    weights: placeRandom(config, backend, options),
    weightDType,
    tokenizer: options.tokenizer ?? null,
    fingerprint: fingerprintOf(config, options),
    placeAgain: async (target) => placeRandom(config, target, options),
    ...(options.tableBudget !== undefined && { tableBudget: options.tableBudget }),
  });
}

function placeRandom(
  config: ModelConfig,
  backend: Backend,
  { weightDType = 'f32', ...options }: CreateOptions,
): DecoderWeights<Tensor> {
  const tensors = new Map<string, Tensor>();
  try {
    for (const weight of randomWeights(config, options)) {
      tensors.set(weight.name, placeWeight(backend, weight, weightDType));
    }
    return collectWeights(config, (name) => tensors.get(name) as Tensor);
  } catch (error) {
    for (const tensor of tensors.values()) tensor.dispose();
    throw error;
  }
}

/** Equal for equal weights, whatever they are kept in: everything that `randomWeights` depends on. */
function fingerprintOf(
  config: ModelConfig,
  { seed = 0, deviation = 0.02, windowDeviation = 0, biasDeviation = 0 }: CreateOptions,
): string {
  const text = JSON.stringify([serializeConfig(config), seed, deviation, windowDeviation, biasDeviation]);
  return `random-${new Fingerprint().addText(text)}`;
}
