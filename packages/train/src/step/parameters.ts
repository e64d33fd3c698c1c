/**
 * A model's parameters as training sees them: by the names of the files, in the order of the layers, each an f32 tensor
 * that is trained in place. Tied tensors appear once.
 */

import { DTypeError, type Tensor } from '@inattention/core';
import { collectWeights, type DecoderWeights, type LayerWeights, type Model } from '@inattention/model';

export interface Parameter {
  /** As in the files: `model.layers.0.self_attn.q_proj.weight`. */
  readonly name: string;
  /** The model's own tensor, f32. */
  readonly tensor: Tensor;
}

/** The parameters of a model, which stay the model's. Throws DTypeError unless they are kept in f32. */
export function parametersOf(model: Pick<Model, 'config' | 'weights'>): Parameter[] {
  return [...tensorsByName(model)].map(([name, tensor]) => {
    if (tensor.dtype !== 'f32') {
      throw new DTypeError({
        what: 'Only models with f32 weights are trained.',
        got: `${tensor.dtype} for "${name}"`,
        expected: 'f32',
        fix: "load the model with weightDType: 'f32'",
      });
    }
    return { name, tensor };
  });
}

/** The tensors of a model, which stay the model's, in whatever dtype. */
export function tensorsByName(model: Pick<Model, 'config' | 'weights'>): Map<string, Tensor> {
  const names = collectWeights(model.config, (name) => name);
  const byName = new Map<string, Tensor>();
  pair(names, model.weights, (name, tensor) => byName.set(name, tensor));
  return byName;
}

/** Names of the tensors that two models have in common, bytes and all. */
export function sharedTensors(a: Pick<Model, 'config' | 'weights'>, b: Pick<Model, 'config' | 'weights'>): Set<string> {
  const own = tensorsByName(a);
  const others = tensorsByName(b);
  return new Set([...own].filter(([name, tensor]) => others.get(name)?.buffer === tensor.buffer).map(([name]) => name));
}

/** Calls `meet` for every parameter of two decoders of one shape. */
function pair<A, B>(a: DecoderWeights<A>, b: DecoderWeights<B>, meet: (a: A, b: B) => void): void {
  const both = (left: A | null, right: B | null | undefined) => {
    if (left !== null && right !== null && right !== undefined) meet(left, right);
  };
  both(a.embedding, b.embedding);
  both(a.positions, b.positions);
  both(a.initialState, b.initialState);
  a.layers.forEach((layer, number) => {
    const other = b.layers[number];
    for (const part of Object.keys(layer) as (keyof LayerWeights<A>)[]) both(layer[part], other?.[part]);
  });
  both(a.norm, b.norm);
  both(a.head, b.head);
}
