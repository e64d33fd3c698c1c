/**
 * Layers switched to inattention one after another while a run goes on: switch one, heal, switch the next. Which layers are
 * switched is a function of the step alone, so that a run that is resumed goes on in its place.
 */

import { InvalidArgumentError } from '@inattention/core';
import type { AttentionType } from '@inattention/core/math';

/** Plain values, kept in checkpoints. */
export interface Switching {
  /** In the order in which they are switched. */
  readonly layers: readonly number[];
  /** Steps with a layer switched before the next is. */
  readonly every: number;
}

/** How many layers are switched in a step, from 1; before the first step, as in it. */
export function switchedCount({ layers, every }: Switching, step: number): number {
  return Math.min(layers.length, Math.floor(Math.max(0, step - 1) / every) + 1);
}

/** The layer that a step is the first of; null for other steps. */
export function switchedAt(switching: Switching, step: number): number | null {
  const count = switchedCount(switching, step);
  const before = step === 1 ? 0 : switchedCount(switching, step - 1);
  return count > before ? (switching.layers[count - 1] as number) : null;
}

/** The first step that each layer is switched in. */
export function firstSteps({ layers, every }: Switching): ReadonlyMap<number, number> {
  return new Map(layers.map((layer, place) => [layer, place * every + 1]));
}

/** Kinds of attention once the first `count` layers are switched. */
export function switchedTypes(
  types: readonly AttentionType[],
  { layers }: Pick<Switching, 'layers'>,
  count = layers.length,
): readonly AttentionType[] {
  const switched = new Set(layers.slice(0, count));
  return types.map((type, layer) => (switched.has(layer) ? 'inattention' : type));
}

/** Throws InvalidArgumentError for layers that are not there, twice there or switched already, and for no steps between. */
export function checkSwitching({ layers, every }: Switching, types: readonly AttentionType[]): void {
  const refuse = (what: string, got: string, expected: string): never => {
    throw new InvalidArgumentError({ what, got, expected });
  };
  if (layers.length === 0) refuse('There is no layer to switch.', 'none', 'layers in the order to switch them in');
  const absent = layers.find((layer) => !(layer in types));
  if (absent !== undefined) refuse('The model has no such layer.', `layer ${absent}`, `0 to ${types.length - 1}`);
  if (new Set(layers).size < layers.length) refuse('A layer is switched once.', layers.join(','), 'different layers');
  const switched = layers.find((layer) => types[layer] === 'inattention');
  if (switched !== undefined) {
    refuse('The layer is switched already.', `layer ${switched}`, 'layers of self-attention');
  }
  if (!(Number.isSafeInteger(every) && every > 0)) refuse('every counts steps.', String(every), '1 or more');
}
