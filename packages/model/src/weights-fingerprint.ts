/** The fingerprint of weights on a device: that of the files they would be written to. */

import { bytesPerElement, type Tensor } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { modelFingerprint } from '@inattention/formats';
import { collectWeights, type DecoderWeights, weightTensors } from './decoder-weights.ts';

/** Reads a few bytes of a few tensors. */
export async function weightsFingerprint(config: ModelConfig, weights: DecoderWeights<Tensor>): Promise<string> {
  const names = weightTensors(collectWeights(config, (name) => name));
  const tensors = new Map(weightTensors(weights).map((tensor, place) => [names[place] as string, tensor]));
  const layout = [...tensors].map(([name, { dtype, shape }]) => [name, { dtype: dtype.toUpperCase(), shape }] as const);
  return modelFingerprint(config, {
    tensors: new Map(layout),
    async firstBytes(name, length) {
      const { backend, buffer, byteOffset, size, dtype } = tensors.get(name) as Tensor;
      return new Uint8Array(await backend.read(buffer, byteOffset, Math.min(length, size * bytesPerElement[dtype])));
    },
  });
}
