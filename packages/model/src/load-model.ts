/** Puts a model's files on a device. Everything is checked before memory is taken; a failure leaves nothing behind. */

import { type Backend, EagerOperations, NonFiniteError, Tensor, throwIfAborted } from '@inattention/core';
import { weightBytes } from '@inattention/core/math';
import { type ModelSource, openModelFiles } from '@inattention/formats';
import { collectWeights } from './decoder-weights.ts';
import { Model } from './model.ts';
import type { Progress } from './progress.ts';
import { yieldToEventLoop } from './yield-to-event-loop.ts';

export interface LoadOptions {
  readonly signal?: AbortSignal;
  /** Bytes of weights on the device so far, and in all. */
  readonly onProgress?: (progress: Progress) => void;
  /** Bytes each table may take. Default: no limit. */
  readonly tableBudget?: number;
}

/**
 * Loads a model folder (`openDirectory`, `openUrl`, `openFileList`, …) onto a backend, which the caller keeps.
 * Throws InvalidFileError, InvalidConfigError, NonFiniteError, OutOfMemoryError or AbortedError.
 */
export async function loadModel(source: ModelSource, backend: Backend, options: LoadOptions = {}): Promise<Model> {
  const { signal, onProgress } = options;
  throwIfAborted(signal, 'Loading');
  const files = await openModelFiles(source, signal === undefined ? {} : { signal });
  const { config, weights: weightFiles } = files;
  await backend.reserve(weightBytes(config));
  const names: string[] = [];
  collectWeights(config, (name) => names.push(name));
  const tensors = new Map<string, Tensor>();
  const total = names.reduce((bytes, name) => bytes + elementsOf(weightFiles.tensors.get(name)?.shape ?? []) * 4, 0);
  try {
    let done = 0;
    for (const name of names) {
      throwIfAborted(signal, 'Loading');
      const data = await weightFiles.read(name, signal === undefined ? {} : { signal });
      checkFinite(name, data);
      const shape = weightFiles.tensors.get(name)?.shape ?? [];
      tensors.set(name, Tensor.from(backend, data, shape, 'weights'));
      done += data.byteLength;
      onProgress?.({ stage: 'load', done, total });
      await yieldToEventLoop();
    }
    await backend.sync();
    return new Model({
      backend,
      operations: new EagerOperations(backend),
      config,
      weights: collectWeights(config, (name) => tensors.get(name) as Tensor),
      tokenizer: files.tokenizer,
      fingerprint: files.fingerprint,
      ...(options.tableBudget !== undefined && { tableBudget: options.tableBudget }),
    });
  } catch (error) {
    for (const tensor of tensors.values()) tensor.dispose();
    throw error;
  }
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, 1);
}

function checkFinite(name: string, data: Float32Array): void {
  const index = data.findIndex((value) => !Number.isFinite(value));
  if (index !== -1) {
    throw new NonFiniteError({
      what: `The weight "${name}" holds a value that is not a number.`,
      got: `${data[index]} at element ${index}`,
      expected: 'finite numbers',
      fix: 'the file is damaged or its training diverged: use another checkpoint',
    });
  }
}
