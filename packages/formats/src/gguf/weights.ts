/**
 * The weights of a GGUF file under Hugging Face's names and in its order of rows, read a tensor, and of a tensor a piece,
 * at a time.
 */

import { InvalidArgumentError, InvalidFileError, throwIfAborted } from '@inattention/core';
import { quote } from '../json/describe.ts';
import { allocateFloats } from '../safetensors/allocate-floats.ts';
import type { TensorEntry } from '../safetensors/header.ts';
import type { WeightFiles } from '../safetensors/weight-files.ts';
import { type ByteSource, readExactly } from '../sources/byte-source.ts';
import { decodeTensor } from './decode-blocks.ts';
import { halvesFromInterleaved } from './head-rows.ts';
import { nameFromGguf, permutedHeads } from './tensor-names.ts';
import { tensorTypeNamed } from './tensor-types.ts';

/** Bytes read at once: what a tensor needs beside its own float32 array. */
const pieceBytes = 8 * 2 ** 20;

export interface GgufWeightOptions {
  /** C, when the rows of W_Q and W_K are interleaved (architecture `llama`); undefined when they are not. */
  readonly interleavedHeadDim?: number;
  /** Tensors of the file that are no weights. */
  readonly ignored?: ReadonlySet<string>;
}

/** Throws InvalidFileError for tensors that no Llama-family decoder has, and for heads that are not whole. */
export function ggufWeights(
  source: ByteSource,
  stored: ReadonlyMap<string, TensorEntry>,
  { interleavedHeadDim, ignored = new Set() }: GgufWeightOptions,
): WeightFiles {
  const tensors = new Map<string, TensorEntry>();
  for (const entry of stored.values()) {
    if (ignored.has(entry.name)) continue;
    const name = nameFromGguf(entry.name);
    if (name === undefined) {
      throw new InvalidFileError({
        what: `${source.name} holds a tensor that a Llama-family decoder does not have.`,
        got: quote(entry.name),
        fix: 'the model is of another kind, or the file holds more than a model',
      });
    }
    tensors.set(name, { ...entry, name });
  }
  const find = (name: string): TensorEntry => {
    const entry = tensors.get(name);
    if (entry !== undefined) return entry;
    throw new InvalidArgumentError({
      what: `${source.name} has no tensor ${quote(name)}.`,
      expected: 'a name among `tensors`',
    });
  };
  /** Rows that must be moved together: a head's where they are interleaved, else one. */
  const groupOf = ({ name, shape }: TensorEntry): number => {
    if (interleavedHeadDim === undefined || permutedHeads(name) === undefined) return 1;
    const rows = shape[0] ?? 0;
    if (rows % interleavedHeadDim === 0) return interleavedHeadDim;
    throw new InvalidFileError({
      what: `${source.name}: tensor ${quote(name)} does not hold whole heads.`,
      got: `${rows} rows`,
      expected: `a multiple of ${interleavedHeadDim}`,
    });
  };
  const readRows = async (entry: TensorEntry, start: number, end: number, signal?: AbortSignal) => {
    throwIfAborted(signal, `Reading ${source.name}`);
    const bytes = await readExactly(source, entry.byteOffset + start, entry.byteOffset + end, signal);
    const group = groupOf(entry);
    return group === 1 ? bytes : halvesFromInterleaved(bytes, group, rowBytes(entry));
  };
  return {
    tensors,
    totalBytes: [...tensors.values()].reduce((total, { byteLength }) => total + byteLength, 0),
    async read(name, { signal } = {}) {
      const entry = find(name);
      const out = allocateFloats(
        name,
        entry.shape.reduce((size, length) => size * length, 1),
      );
      const step = stepBytes(entry, groupOf(entry), pieceBytes);
      const density = out.length / entry.byteLength;
      for (let done = 0; done < entry.byteLength; done += step) {
        const end = Math.min(entry.byteLength, done + step);
        const bytes = await readRows(entry, done, end, signal);
        decodeTensor(entry.dtype, bytes, out.subarray(Math.round(done * density), Math.round(end * density)));
      }
      throwIfAborted(signal, `Reading ${source.name}`);
      return out;
    },
    async readBytes(name, { signal, length } = {}) {
      const entry = find(name);
      const wanted = Math.min(entry.byteLength, length ?? entry.byteLength);
      // Whole groups of rows, of which the wanted bytes are the start.
      const end = Math.min(entry.byteLength, stepBytes(entry, groupOf(entry), wanted, Math.ceil));
      return (await readRows(entry, 0, end, signal)).subarray(0, wanted);
    },
  };
}

/** Bytes of a row as stored; of a vector the whole, of which each element is a row of its own when heads are moved. */
function rowBytes({ shape, dtype, byteLength }: TensorEntry): number {
  if (shape.length > 1) return byteLength / (shape[0] as number);
  return tensorTypeNamed(dtype)?.blockLength === 1 ? byteLength / (shape[0] ?? 1) : byteLength;
}

/** Whole groups of rows in about `bytes`, at least one. */
function stepBytes(
  entry: TensorEntry,
  group: number,
  bytes: number,
  round: (x: number) => number = Math.floor,
): number {
  const unit = rowBytes(entry) * group;
  return Math.max(1, round(bytes / unit)) * unit;
}
