/** Parameters and moments of a run: as tensors that can be read, and written back from what was kept. */

import { formatShape, InvalidFileError, NonFiniteError, sameShape, type Tensor } from '@inattention/core';
import type { Moments } from '../optimizer/adamw.ts';
import type { Parameter } from '../step/parameters.ts';
import type { KeptTensor, SavedTraining } from './saved-training.ts';

type TensorMaps = Pick<SavedTraining, 'weights' | 'firstMoments' | 'secondMoments'>;

/**
 * The tensors of a run, to be read before its next step: all parameters, and the moments of those that are trained. Reading
 * one that is not finite throws NonFiniteError.
 */
export function readState(parameters: readonly Parameter[], moments: ReadonlyMap<string, Moments>): TensorMaps {
  const kept = (tensors: Iterable<readonly [string, Tensor]>): Map<string, KeptTensor> =>
    new Map(
      [...tensors].map(([name, tensor]) => [name, { shape: tensor.shape, read: () => readFinite(name, tensor) }]),
    );
  return {
    weights: kept(parameters.map(({ name, tensor }) => [name, tensor])),
    firstMoments: kept([...moments].map(([name, { first }]) => [name, first])),
    secondMoments: kept([...moments].map(([name, { second }]) => [name, second])),
  };
}

/** Writes kept tensors back, once all of them have been read. Throws InvalidFileError for those of another model. */
export async function writeState(
  parameters: readonly Parameter[],
  moments: ReadonlyMap<string, Moments>,
  saved: TensorMaps,
): Promise<void> {
  const read: { readonly tensor: Tensor; readonly data: Float32Array }[] = [];
  for (const { name, tensor } of parameters) {
    read.push({ tensor, data: await readLike(saved.weights, name, tensor, 'weight') });
  }
  for (const [name, { first, second }] of moments) {
    read.push({ tensor: first, data: await readLike(saved.firstMoments, name, first, 'first moment of') });
    read.push({ tensor: second, data: await readLike(saved.secondMoments, name, second, 'second moment of') });
  }
  for (const { tensor, data } of read) tensor.write(data);
}

async function readFinite(name: string, tensor: Tensor): Promise<Float32Array> {
  const data = await tensor.readFloat32();
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong === -1) return data;
  throw new NonFiniteError({
    what: `Training has left "${name}" or its moments not finite: this is nothing to keep.`,
    got: `${data[wrong]} at element ${wrong}`,
    fix: 'go on from the last checkpoint with a lower learning rate',
  });
}

async function readLike(
  kept: ReadonlyMap<string, KeptTensor>,
  name: string,
  { shape }: Tensor,
  what: string,
): Promise<Float32Array> {
  const found = kept.get(name);
  if (found !== undefined && sameShape(found.shape, shape)) return found.read();
  throw new InvalidFileError({
    what: `The run that was kept is of another model, by its ${what} "${name}".`,
    got: found === undefined ? 'no such tensor' : formatShape(found.shape),
    expected: formatShape(shape),
    fix: 'load the model of that checkpoint',
  });
}
