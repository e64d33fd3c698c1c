/** The weights of a model folder: one safetensors file, or shards with an index. */

import { InvalidFileError } from '@inattention/core';
import { type ByteSource, checkRelativePath, type ModelSource, readJson } from '../sources/byte-source.ts';
import { isRecord, quote, type TensorEntry } from './header.ts';
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
  /** A tensor as f32, read from its file. */
  read(name: string, options?: ReadOptions): Promise<Float32Array>;
}

/** Opens the weights of a folder and checks every header. Throws InvalidFileError. */
export async function openWeights(model: ModelSource, options: ReadOptions = {}): Promise<WeightFiles> {
  const single = await model.open(singleFile, options.signal);
  if (single !== null) {
    const file = await openSafetensors(single, options);
    return weightFiles(new Map([...file.tensors.keys()].map((name) => [name, file])));
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
  const json = await readJson(index, maxIndexBytes, options.signal);
  const map = isRecord(json) ? json.weight_map : undefined;
  if (!isRecord(map)) {
    throw new InvalidFileError({ what: `${index.name} has no weight_map object.` });
  }
  const shardOf = new Map(Object.entries(map));
  const names = new Set<string>();
  for (const [tensor, shard] of shardOf) {
    if (typeof shard !== 'string') {
      throw new InvalidFileError({ what: `${index.name} names no file for tensor ${quote(tensor)}.` });
    }
    checkRelativePath(shard);
    names.add(shard);
  }
  if (names.size > maxShards) {
    throw new InvalidFileError({ what: `${index.name} names too many shards.`, got: String(names.size) });
  }
  const fileOf = new Map<string, SafetensorsFile>();
  for (const name of names) {
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
      if (shardOf.get(tensor) !== name) {
        throw new InvalidFileError({ what: `Tensor ${quote(tensor)} is in a shard the index does not name for it.` });
      }
      fileOf.set(tensor, shard);
    }
  }
  for (const [tensor, shard] of shardOf) {
    if (!fileOf.has(tensor)) {
      throw new InvalidFileError({ what: `Tensor ${quote(tensor)} is not in its shard.`, got: String(shard) });
    }
  }
  return weightFiles(fileOf);
}

function weightFiles(fileOf: ReadonlyMap<string, SafetensorsFile>): WeightFiles {
  const tensors = new Map<string, TensorEntry>();
  for (const [name, file] of fileOf) tensors.set(name, file.tensors.get(name) as TensorEntry);
  return {
    tensors,
    totalBytes: [...tensors.values()].reduce((total, { byteLength }) => total + byteLength, 0),
    async read(name, options) {
      const file = fileOf.get(name);
      if (file === undefined) throw new InvalidFileError({ what: `The model has no tensor ${quote(name)}.` });
      return file.read(name, options);
    },
  };
}
