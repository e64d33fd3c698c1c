/** Reading safetensors by range: the header first, tensors when they are asked for, never the whole file. */

import { InvalidArgumentError, InvalidFileError, throwIfAborted, UnsupportedError } from '@inattention/core';
import { readableTypes } from '../gguf/readable-types.ts';
import { quote } from '../json/describe.ts';
import { type ByteSource, readExactly } from '../sources/byte-source.ts';
import { allocateFloats } from './allocate-floats.ts';
import { decodeWeights, weightBytes } from './decode.ts';
import { isWeightDType, type WeightDType } from './dtypes.ts';
import { maxHeaderBytes, parseHeader, type TensorEntry } from './header.ts';

/** Bytes read at once: what a tensor needs beside its own float32 array. */
const pieceBytes = 16 * 2 ** 20;

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

export interface SafetensorsFile {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * A tensor of dtype F32, F16 or BF16 as f32. Throws UnsupportedError for other dtypes, InvalidArgumentError for a name
   * that is not among `tensors`, InvalidFileError when its bytes cannot be had, OutOfMemoryError, AbortedError.
   */
  read(name: string, options?: ReadOptions): Promise<Float32Array>;
  /** A tensor's bytes as stored, of any dtype; `length` of them from the start, all by default. */
  readBytes(name: string, options?: ReadOptions & { readonly length?: number }): Promise<Uint8Array>;
}

/** Opens a file and checks its header. Throws InvalidFileError. */
export async function openSafetensors(source: ByteSource, { signal }: ReadOptions = {}): Promise<SafetensorsFile> {
  throwIfAborted(signal, `Opening ${source.name}`);
  if (source.size < 8) {
    throw new InvalidFileError({
      what: `${source.name} is too short for a safetensors file.`,
      got: `${source.size} bytes`,
      expected: 'at least 8',
    });
  }
  const prefix = await readExactly(source, 0, 8, signal);
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true));
  if (length > maxHeaderBytes || 8 + length > source.size) {
    throw new InvalidFileError({
      what: `${source.name} claims a header that cannot be.`,
      got: `${length} bytes in a file of ${source.size}`,
      expected: `at most ${Math.min(maxHeaderBytes, source.size - 8)}`,
      fix: 'the file is truncated or not a safetensors file: download it again',
    });
  }
  const headerBytes = await readExactly(source, 8, 8 + length, signal);
  const { tensors, metadata } = parseHeader(headerBytes, source.name, 8 + length, source.size);
  const find = (name: string): TensorEntry => {
    const entry = tensors.get(name);
    if (entry !== undefined) return entry;
    throw new InvalidArgumentError({
      what: `${source.name} has no tensor ${quote(name)}.`,
      expected: 'a name among `tensors`',
    });
  };
  return {
    name: source.name,
    tensors,
    metadata,
    async read(name, options = {}) {
      const entry = find(name);
      const { dtype } = entry;
      if (!isWeightDType(dtype)) throw unreadable(entry, source.name);
      return readTensor(source, entry, dtype, options.signal);
    },
    async readBytes(name, options = {}) {
      const { byteOffset, byteLength } = find(name);
      throwIfAborted(options.signal, `Reading ${source.name}`);
      const end = byteOffset + Math.min(byteLength, options.length ?? byteLength);
      return readExactly(source, byteOffset, end, options.signal);
    },
  };
}

/** Throws UnsupportedError for a tensor of a dtype that is read from neither safetensors nor GGUF. */
export function checkReadable(entry: TensorEntry, file: string): void {
  if (!readableTypes.includes(entry.dtype)) throw unreadable(entry, file);
}

function unreadable({ name, dtype }: TensorEntry, file: string): UnsupportedError {
  return new UnsupportedError({
    what: `${file}: weights of dtype ${dtype} are not supported.`,
    got: `${dtype} in tensor ${quote(name)}`,
    expected: readableTypes.join(', '),
    fix: 'export the model in one of these',
  });
}

async function readTensor(
  source: ByteSource,
  { name, byteOffset, byteLength }: TensorEntry,
  dtype: WeightDType,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const elementBytes = weightBytes(dtype);
  const out = allocateFloats(name, byteLength / elementBytes);
  for (let done = 0; done < byteLength; done += pieceBytes) {
    throwIfAborted(signal, `Reading ${source.name}`);
    const length = Math.min(pieceBytes, byteLength - done);
    const bytes = await readExactly(source, byteOffset + done, byteOffset + done + length, signal);
    decodeWeights(dtype, bytes, out.subarray(done / elementBytes, (done + length) / elementBytes));
  }
  throwIfAborted(signal, `Reading ${source.name}`);
  return out;
}
