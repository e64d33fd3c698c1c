/** The weights of a model folder: one safetensors file, or shards with an index. */

import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { describe, isRecord, quote } from '../json/describe.ts';
import { readJson } from '../json/parse-json.ts';
import { type ByteSource, checkRelativePath, type ModelSource } from '../sources/byte-source.ts';
import type { TensorEntry } from './header.ts';
import { openSafetensors, type ReadOptions, type SafetensorsFile } from './reader.ts';

const singleFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';

/** Largest index and largest number of shards accepted. */
const maxIndexBytes = 100_000_000;
const maxShards = 10_000;

export interface WeightFiles {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Bytes of all tensors as stored. */
  readonly totalBytes: number;
  /** A tensor as f32, read from its file. Throws as `SafetensorsFile.read` does. */
  read(name: string, options?: ReadOptions): Promise<Float32Array>;
  /** A tensor's bytes as stored; `length` of them from the start, all by default. */
  readBytes(name: string, options?: ReadOptions & { readonly length?: number }): Promise<Uint8Array>;
}

/**
 * Opens the weights of a folder and checks every header, and every shard against the index. No weight is read.
 * Where a folder has both, `model.safetensors` counts. Throws InvalidFileError.
 */
export async function openWeights(model: ModelSource, options: ReadOptions = {}): Promise<WeightFiles> {
  const single = await model.open(singleFile, options.signal);
  if (single !== null) {
    const file = await openSafetensors(single, options);
    return weightFiles(new Map([...file.tensors.keys()].map((name) => [name, file])), model.name);
  }
  const index = await model.open(indexFile, options.signal);
  if (index === null) {
    throw new InvalidFileError({
      what: `${model.name} has no weights.`,
      expected: `${singleFile}, or ${indexFile} with its shards`,
    });
  }
  return openShards(model, index, options);
}

async function openShards(model: ModelSource, index: ByteSource, options: ReadOptions): Promise<WeightFiles> {
  const shardOf = await readIndex(index, options);
  const fileOf = new Map<string, SafetensorsFile>();
  for (const name of new Set(shardOf.values())) {
    const source = await model.open(name, options.signal);
    if (source === null) {
      throw new InvalidFileError({
        what: `The shard ${quote(name)} is missing.`,
        expected: `the files named in ${index.name}`,
        fix: 'download the missing file',
      });
    }
    const shard = await openSafetensors(source, options);
    for (const tensor of shard.tensors.keys()) {
      if (fileOf.has(tensor)) {
        throw new InvalidFileError({ what: `Tensor ${quote(tensor)} is in two shards.`, got: source.name });
      }
      const listed = shardOf.get(tensor);
      if (listed !== name) {
        throw new InvalidFileError({
          what: `Tensor ${quote(tensor)} is in a shard that the index does not name for it.`,
          got: quote(name),
          expected: listed === undefined ? 'a tensor that the index lists' : quote(listed),
        });
      }
      fileOf.set(tensor, shard);
    }
  }
  for (const [tensor, shard] of shardOf) {
    if (!fileOf.has(tensor)) {
      throw new InvalidFileError({
        what: `Tensor ${quote(tensor)} is not in its shard.`,
        got: `${quote(shard)} without it`,
        fix: 'download the shard again',
      });
    }
  }
  return weightFiles(fileOf, model.name);
}

/** Shard names by tensor name. */
async function readIndex(index: ByteSource, options: ReadOptions): Promise<ReadonlyMap<string, string>> {
  const json = await readJson(index, maxIndexBytes, options.signal);
  const map = isRecord(json) ? json.weight_map : undefined;
  if (!isRecord(map)) {
    throw new InvalidFileError({
      what: `${index.name} has no "weight_map".`,
      got: describe(map),
      expected: 'an object of file names by tensor name',
    });
  }
  const shardOf = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== 'string') {
      throw new InvalidFileError({
        what: `${index.name} names no file for tensor ${quote(tensor)}.`,
        got: describe(shard),
        expected: 'a file name',
      });
    }
    checkRelativePath(shard);
    shardOf.set(tensor, shard);
  }
  const shards = new Set(shardOf.values()).size;
  if (shards > maxShards) {
    throw new InvalidFileError({
      what: `${index.name} names too many shards.`,
      got: String(shards),
      expected: `at most ${maxShards}`,
    });
  }
  return shardOf;
}

function weightFiles(fileOf: ReadonlyMap<string, SafetensorsFile>, model: string): WeightFiles {
  const tensors = new Map<string, TensorEntry>();
  for (const [name, file] of fileOf) {
    const entry = file.tensors.get(name);
    if (entry !== undefined) tensors.set(name, entry);
  }
  const fileWith = (name: string): SafetensorsFile => {
    const file = fileOf.get(name);
    if (file !== undefined) return file;
    throw new InvalidArgumentError({
      what: `${model} has no tensor ${quote(name)}.`,
      expected: 'a name among `tensors`',
    });
  };
  return {
    tensors,
    totalBytes: [...tensors.values()].reduce((total, { byteLength }) => total + byteLength, 0),
    read: async (name, options) => fileWith(name).read(name, options),
    readBytes: async (name, options) => fileWith(name).readBytes(name, options),
  };
}
