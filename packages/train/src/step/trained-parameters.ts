/** Which of a model's parameters a run changes. */

import { InvalidArgumentError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import type { Model } from '@inattention/model';
import { type Parameter, parametersOf } from './parameters.ts';

/**
 * `switched`: the layers of inattention and the initial-state window, of a model that was made by switching layers of
 * another. The rest stays as it is, and takes neither gradients nor moments.
 */
export type TrainedPart = 'all' | 'switched';

/** Whether a parameter belongs to a part. */
export function isTrained(name: string, { attentionTypes }: Pick<ModelConfig, 'attentionTypes'>, part: TrainedPart) {
  if (part === 'all' || name === 'model.initial_state.weight') return true;
  const [, layer] = /^model\.layers\.(\d+)\./.exec(name) ?? [];
  return layer !== undefined && attentionTypes[Number(layer)] === 'inattention';
}

/** The parameters of a part. Throws InvalidArgumentError when there are none, and what `parametersOf` throws. */
export function trainedParameters(model: Pick<Model, 'config' | 'weights'>, part: TrainedPart): Parameter[] {
  const trained = parametersOf(model).filter(({ name }) => isTrained(name, model.config, part));
  if (trained.length > 0) return trained;
  throw new InvalidArgumentError({
    what: 'There is nothing to train in the switched layers.',
    got: 'a model whose layers are all self',
    expected: 'at least one layer of inattention',
    fix: 'switch layers, or train all parameters',
  });
}
