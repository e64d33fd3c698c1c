/** Puts a model's files on a device. Everything is checked before memory is taken; a failure leaves nothing behind. */

import { type Backend, EagerOperations, type Tensor, throwIfAborted } from '@inattention/core';
import { type ModelConfig, storedBytes, storedDType, type WeightDType, weightBytes } from '@inattention/core/math';
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
import {
  checkWeightDType,
  placeHalves,
  placeQ80,
  placeWeight,
  type WantedWeightDType,
  weightDTypeOf,
} from './place-weight.ts';
import type { Progress } from './progress.ts';
import type { RunOptions } from './session-decoder.ts';
import { yieldToEventLoop } from './yield-to-event-loop.ts';

export interface LoadOptions {
  readonly signal?: AbortSignal;
  /** Bytes of weights on the device so far, and in all. */
  readonly onProgress?: (progress: Progress) => void;
  /** Bytes each table may take. Default: no limit. */
  readonly tableBudget?: number;
  /**
   * What matrices are kept in. Default `auto`, which changes no number: f16 when all matrices of the files are F16, i8 when
   * all are Q8_0, and the backend takes it, otherwise f32. `f16` halves the bytes of other files, rounding each number to 11 significant bits;
   * `i8` takes a little over a quarter, in blocks of 32 with a scale each. Vectors stay f32; arithmetic is f32 in all.
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
  const weightDType = chooseDType(options.weightDType ?? 'auto', weightFiles, weightNames(config), backend);
  const place: PlaceWeights = (target, run) => placeFiles(weightFiles, config, weightDType, target, run);
  return modelOwning({
    operations: new EagerOperations(backend),
    config,
    weights: await place(backend, { signal, onProgress }),
    weightDType,
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
  weightDType: WeightDType,
  backend: Backend,
  { signal, onProgress }: RunOptions,
): Promise<DecoderWeights<Tensor>> {
  const names = weightNames(config);
  await backend.reserve(weightBytes(config, weightDType));
  const tensors = new Map<string, Tensor>();
  const bytesOf = (name: string) => storedBytes(files.tensors.get(name)?.shape ?? [], weightDType);
  const total = names.reduce((bytes, name) => bytes + bytesOf(name), 0);
  try {
    let done = 0;
    for (const name of names) {
      throwIfAborted(signal, 'Loading');
      tensors.set(name, await readWeight(backend, files, name, weightDType, signal));
      done += bytesOf(name);
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

/** Names of the tensors that a decoder of this configuration reads. */
function weightNames(config: ModelConfig): string[] {
  const names: string[] = [];
  collectWeights(config, (name) => names.push(name));
  return names;
}

/** The dtype to load in. Throws UnsupportedError when one was asked for that the backend does not take. */
function chooseDType(
  wanted: WantedWeightDType,
  { tensors }: WeightFiles,
  names: readonly string[],
  backend: Backend,
): WeightDType {
  if (wanted !== 'auto') {
    checkWeightDType(backend, wanted);
    return wanted;
  }
  const own = weightDTypeOf(names.flatMap((name) => tensors.get(name) ?? []));
  return backend.capabilities.weightDTypes.includes(own) ? own : 'f32';
}

async function readWeight(
  backend: Backend,
  files: WeightFiles,
  name: string,
  wanted: WeightDType,
  signal: AbortSignal | undefined,
): Promise<Tensor> {
  const options = signal === undefined ? {} : { signal };
  const { shape = [], dtype } = files.tensors.get(name) ?? {};
  if (dtype === 'F16' && storedDType(shape, wanted) === 'f16') {
    const bytes = await files.readBytes(name, options);
    const { buffer, byteOffset, length } = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
    return placeHalves(backend, name, shape, new Uint16Array(buffer, byteOffset, length / 2));
  }
  if (dtype === 'Q8_0' && storedDType(shape, wanted) === 'i8') {
    return placeQ80(backend, name, shape, await files.readBytes(name, options));
  }
  return placeWeight(backend, { name, shape, data: await files.read(name, options) }, wanted);
}
