/**
 * A model of another configuration over a model's own tensors: the same weights with layers switched cost nothing but
 * themselves. A student shares with its teacher what is not trained, and has copies of the rest.
 */

import { InvalidArgumentError, type Tensor } from '@inattention/core';
import { type ModelConfig, storedBytes } from '@inattention/core/math';
import { expectedTensors, Fingerprint, serializeConfig } from '@inattention/formats';
import { collectWeights, type DecoderWeights, Model } from '@inattention/model';
import { tensorsByName } from '../step/parameters.ts';

export interface DeriveOptions {
  /** Tensors that the new model gets copies of, by name. Default: none. The others are the original's own bytes. */
  readonly copied?: (name: string) => boolean;
}

/**
 * The model of a configuration with the weights of another, on its backend; dispose of both, in any order. An initial-state
 * window that only the new one has is zeros. Throws InvalidArgumentError for a configuration that calls for other tensors,
 * OutOfMemoryError.
 */
export async function deriveModel(
  original: Model,
  config: ModelConfig,
  { copied = () => false }: DeriveOptions = {},
): Promise<Model> {
  const own = tensorsByName(original);
  const shapes = expectedTensors(config);
  checkShapes(own, shapes);
  const added = [...shapes.keys()].filter((name) => copied(name) || !own.has(name));
  const bytes = added.reduce((sum, name) => sum + storedBytes(shapes.get(name) ?? [], original.weightDType), 0);
  if (bytes > 0) await original.backend.reserve(bytes);
  const fingerprint = `${await original.fingerprint()}-${new Fingerprint().addText(JSON.stringify(serializeConfig(config)))}`;
  const operations = original.operations.separate('weights');
  const made: Tensor[] = [];
  try {
    const weights: DecoderWeights<Tensor> = collectWeights(config, (name) => {
      const tensor = own.get(name);
      const placed =
        tensor === undefined
          ? operations.zeros(shapes.get(name) ?? [])
          : copied(name)
            ? operations.copy(tensor)
            : tensor.reshape(tensor.shape);
      made.push(placed);
      return placed;
    });
    const { tokenizer, chatTemplate, weightDType } = original;
    return new Model({
      ...{ operations: original.operations.separate('activations'), config, weights },
      ...{ tokenizer, chatTemplate, weightDType, fingerprint },
    });
  } catch (error) {
    for (const tensor of made) tensor.dispose();
    throw error;
  }
}

/** All of a new model's tensors are the original's, but for an initial-state window. */
function checkShapes(own: ReadonlyMap<string, Tensor>, wanted: ReturnType<typeof expectedTensors>): void {
  for (const [name, shape] of wanted) {
    const tensor = own.get(name);
    const got = tensor === undefined ? 'no such tensor' : tensor.shape.join('×');
    if (got === shape.join('×') || (tensor === undefined && name === 'model.initial_state.weight')) continue;
    throw new InvalidArgumentError({
      what: `A model cannot be made of the weights of another: "${name}" does not fit.`,
      got,
      expected: shape.join('×'),
      fix: 'change kinds of attention or add an initial-state window, and nothing else',
    });
  }
}
