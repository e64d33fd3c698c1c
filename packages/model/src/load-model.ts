/** Puts a model's files on a device. Everything is checked before memory is taken; a failure leaves nothing behind. */

import { type Backend, EagerOperations, type Tensor, throwIfAborted } from '@inattention/core';
import { type ModelConfig, storedBytes, type WeightDType } from '@inattention/core/math';
import {
  type ByteSource,
  checkTensors,
  Fingerprint,
  type ModelFiles,
  type ModelSource,
  openModelFiles,
  serializeConfig,
  type WeightFiles,
} from '@inattention/formats';
import { collectWeights, type DecoderWeights } from './decoder-weights.ts';
import { type Model, modelOwning, type PlaceWeights } from './model.ts';
import { checkWeightDType, placeBlocks, placeFloats, placeHalves } from './place-weight.ts';
import type { Progress } from './progress.ts';
import type { RunOptions } from './session-decoder.ts';
import { placementOf, type WantedWeightDType, type WeightPlacement } from './weight-placement.ts';
import { yieldToEventLoop } from './yield-to-event-loop.ts';

export interface LoadOptions {
  readonly signal?: AbortSignal;
  /** Bytes of weights on the device so far, and in all. */
  readonly onProgress?: (progress: Progress) => void;
  /** Bytes each table may take. Default: no limit. */
  readonly tableBudget?: number;
  /**
   * What matrices are kept in. Default `auto`: as the files have them, as far as the backend takes it (F16, Q8_0, Q4_0, Q4_1;
   * `placementOf` has the rules), otherwise f32. `f16` halves the bytes of other files, rounding each number to 11 significant bits;
   * `i8` takes a little over a quarter, in blocks of 32 with a scale each, `q8_0` and `q4_1` are GGUF's blocks of 8 and 4 bits.
   * Vectors stay f32. Arithmetic is f32; products with q8_0 and q4_1 weights are in integers, of activations rounded to 16
   * bits, where the backend says so (`capabilities.integerProducts`).
   */
  readonly weightDType?: WantedWeightDType;
  /**
   * The configuration to run the weights with, from that of the files: positions for longer texts, say (`extendContext` of
   * @inattention/train). It must call for the same tensors.
   */
  readonly reconfigure?: (config: ModelConfig) => ModelConfig;
}

/**
 * Loads a model onto a backend, which the caller keeps: a folder (`openDirectory`, `openUrl`, `openFileList`, …) of this
 * project or of a Llama-family model of Hugging Face's, or a GGUF file (`fileSource`, `urlSource`, `blobSource`).
 * Throws InvalidFileError, InvalidConfigError, NonFiniteError, OutOfMemoryError, AbortedError, or UnsupportedError for a
 * `weightDType` the backend does not take.
 */
export async function loadModel(
  source: ModelSource | ByteSource,
  backend: Backend,
  options: LoadOptions = {},
): Promise<Model> {
  const { signal, onProgress } = options;
  throwIfAborted(signal, 'Loading');
  const files = await openModelFiles(source, signal === undefined ? {} : { signal });
  const { weights: weightFiles } = files;
  const config = options.reconfigure?.(files.config) ?? files.config;
  if (config !== files.config) checkTensors(config, weightFiles.tensors);
  const wanted = options.weightDType ?? 'auto';
  if (wanted !== 'auto') checkWeightDType(backend, wanted);
  const placement = placementOf(config, weightFiles.tensors, wanted, backend.capabilities.weightDTypes);
  const place: PlaceWeights = (target, run) => placeFiles(weightFiles, config, placement, target, run);
  return modelOwning({
    operations: new EagerOperations(backend),
    config,
    weights: await place(backend, { signal, onProgress }),
    weightDType: placement.weightDType,
    weightBytes: placement.weightBytes,
    tokenizer: files.tokenizer,
    chatTemplate: files.chatTemplate,
    fingerprint: fingerprintOf(files, config),
    placeAgain: place,
    ...(options.tableBudget !== undefined && { tableBudget: options.tableBudget }),
  });
}

/** That of the files, unless they are run with another configuration: sessions saved with one are not for the other. */
function fingerprintOf(files: ModelFiles, config: ModelConfig): string {
  if (config === files.config) return files.fingerprint;
  return `${files.fingerprint}-${new Fingerprint().addText(JSON.stringify(serializeConfig(config)))}`;
}

/** Reads the weights from their files onto a backend. */
async function placeFiles(
  files: WeightFiles,
  config: ModelConfig,
  { dtypes, weightBytes }: WeightPlacement,
  backend: Backend,
  { signal, onProgress }: RunOptions,
): Promise<DecoderWeights<Tensor>> {
  await backend.reserve(weightBytes);
  const tensors = new Map<string, Tensor>();
  const bytesOf = (name: string, dtype: WeightDType) => storedBytes(files.tensors.get(name)?.shape ?? [], dtype);
  try {
    const total = [...dtypes].reduce((bytes, [name, dtype]) => bytes + bytesOf(name, dtype), 0);
    let done = 0;
    for (const [name, dtype] of dtypes) {
      throwIfAborted(signal, 'Loading');
      tensors.set(name, await readWeight(backend, files, name, dtype, signal));
      done += bytesOf(name, dtype);
      onProgress?.({ stage: 'load', done, total });
      await yieldToEventLoop();
    }
    await backend.sync();
    return collectWeights(config, (name) => tensors.get(name) as Tensor);
  } catch (error) {
    for (const tensor of tensors.values()) tensor.dispose();
    throw error;
  }
}

async function readWeight(
  backend: Backend,
  files: WeightFiles,
  name: string,
  kept: WeightDType,
  signal: AbortSignal | undefined,
): Promise<Tensor> {
  const options = signal === undefined ? {} : { signal };
  const { shape = [], dtype } = files.tensors.get(name) ?? {};
  if (kept !== 'f32' && kept !== 'f16') {
    const { readBlocks } = await import('./weight-blocks.ts');
    return placeBlocks(backend, shape, await readBlocks(files, name, kept, options));
  }
  if (dtype === 'F16' && kept === 'f16') {
    const bytes = await files.readBytes(name, options);
    const { buffer, byteOffset, length } = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
    return placeHalves(backend, name, shape, new Uint16Array(buffer, byteOffset, length / 2));
  }
  return placeFloats(backend, { name, shape, data: await files.read(name, options) }, kept);
}
