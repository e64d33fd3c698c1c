/** A model's weights as a safetensors file, made a tensor at a time: what is held is one tensor in f32 and as written. */

import { throwIfAborted } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { expectedTensors } from '../config/expected-tensors.ts';
import { encodeTensor } from '../gguf/encode-blocks.ts';
import { isWeightDType, type WeightDType } from '../safetensors/dtypes.ts';
import type { WeightFiles } from '../safetensors/weight-files.ts';
import { layOutSafetensors } from '../safetensors/writer.ts';

export interface ContentOptions {
  readonly signal?: AbortSignal;
  /** Bytes made so far, and in all. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

export interface SafetensorsOptions extends ContentOptions {
  /** Default: as each tensor is stored; F32 for what is stored in blocks. */
  readonly dtype?: WeightDType;
}

/**
 * The bytes of a file with the tensors that `config` calls for. A window of initial states that `weights` lack starts at 0.
 * Throws what `weights` throw, NonFiniteError for numbers that F16 cannot hold, AbortedError.
 */
export async function* safetensorsContent(
  config: ModelConfig,
  weights: WeightFiles,
  { dtype, signal, onProgress }: SafetensorsOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const layouts = [...expectedTensors(config)].map(([name, shape]) => {
    const stored = weights.tensors.get(name)?.dtype ?? 'F32';
    return { name, shape, dtype: dtype ?? (isWeightDType(stored) ? stored : 'F32') };
  });
  const { header, tensors, totalBytes } = layOutSafetensors(layouts, { format: 'pt' });
  yield header;
  let done = header.length;
  const reading = signal === undefined ? {} : { signal };
  for (const { name, dtype: written, byteLength } of tensors) {
    throwIfAborted(signal, 'Converting');
    const entry = weights.tensors.get(name);
    if (entry === undefined) yield new Uint8Array(byteLength);
    else if (entry.dtype === written) yield await weights.readBytes(name, reading);
    else yield encodeTensor(written as WeightDType, await weights.read(name, reading), name);
    done += byteLength;
    onProgress?.({ done, total: totalBytes });
  }
}
