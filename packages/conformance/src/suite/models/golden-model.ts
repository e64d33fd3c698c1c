/** A golden case on a backend: its model for sessions, and its parameters for differentiation. */

import { type Backend, EagerOperations, IndexTensor, Tensor } from '@inattention/core';
import { RecordingOperations, type Variable } from '@inattention/core/autograd';
import { alibiSlopes, createRopeAngles } from '@inattention/core/math';
import { collectWeights, forwardLogits, Model } from '@inattention/model';
import type { GoldenCase, GoldenTensor } from '../../golden/golden-case.ts';
import { expectThat } from '../assertions.ts';

/** The model of a case, which the caller disposes of. */
export function goldenModel(backend: Backend, operations: EagerOperations, golden: GoldenCase): Model {
  const { config, weights, name } = golden;
  return new Model({
    operations,
    config,
    weights: collectWeights(config, (parameter) => upload(backend, weights.get(parameter))),
    tokenizer: null,
    fingerprint: name,
  });
}

export interface LossAndGradients {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** Mean loss at `positions` (all when undefined) and its gradient for every parameter, by `forwardLogits`. */
export async function lossAndGradients(
  backend: Backend,
  golden: GoldenCase,
  options: { readonly fused: boolean; readonly positions?: readonly number[] },
): Promise<LossAndGradients> {
  const { config } = golden;
  const tokens = Int32Array.from(golden.tokens.slice(0, -1));
  const owned: { dispose(): void }[] = [];
  const track = <T extends { dispose(): void }>(item: T): T => {
    owned.push(item);
    return item;
  };
  try {
    const recording = track(new RecordingOperations(new EagerOperations(backend, { fused: options.fused })));
    const parameters = new Map<string, Variable>();
    const weights = collectWeights(config, (name) => {
      const parameter = recording.parameter(track(upload(backend, golden.weights.get(name))));
      parameters.set(name, parameter);
      return parameter;
    });
    const { positionEmbeddingType: kind, headDim, ropeTheta, ropeScaling, numAttentionHeads } = config;
    const positions = Int32Array.from(options.positions ?? tokens.keys());
    const logits = forwardLogits(recording, backend, config, weights, tokens, {
      angles: kind === 'rope' ? track(createRopeAngles(backend, headDim, ropeTheta, ropeScaling)) : null,
      slopes: kind === 'alibi' ? alibiSlopes(numAttentionHeads) : null,
      positions,
      track,
    });
    const targets = track(
      new IndexTensor(
        backend,
        positions.map((position) => golden.tokens[position + 1] as number),
      ),
    );
    const loss = recording.mean(recording.crossEntropy(logits, targets));
    const [value = Number.NaN] = await loss.value.readFloat32();
    const gradients = track(recording.backward(loss));
    const result = new Map<string, Float32Array>();
    for (const [name, parameter] of parameters) {
      const gradient = gradients.get(parameter);
      if (gradient !== undefined) result.set(name, await gradient.readFloat32());
    }
    return { loss: value, gradients: result };
  } finally {
    for (const item of owned.reverse()) item.dispose();
  }
}

function upload(backend: Backend, tensor: GoldenTensor | undefined): Tensor {
  expectThat(tensor !== undefined, 'The golden case lacks a weight.');
  return Tensor.from(backend, tensor.data, tensor.shape, 'weights');
}
