/** Reading safetensors by range: the header first, tensors when they are asked for, never the whole file. */

import { decodeBfloat16, decodeFloat16, InvalidFileError, UnsupportedError } from '@inattention/core';
import type { ByteSource } from '../sources/byte-source.ts';
import { maxHeaderBytes, parseHeader, quote, type TensorEntry } from './header.ts';

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

export interface SafetensorsFile {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
  /** A tensor of dtype F32, F16 or BF16 as f32. Throws UnsupportedError for other dtypes. */
  read(name: string, options?: ReadOptions): Promise<Float32Array>;
}

/** Opens a file and checks its header. Throws InvalidFileError. */
export async function openSafetensors(source: ByteSource, { signal }: ReadOptions = {}): Promise<SafetensorsFile> {
  if (source.size < 8) {
    throw new InvalidFileError({
      what: `${source.name} is too short for a safetensors file.`,
      got: `${source.size} bytes`,
      expected: 'at least 8',
    });
  }
  const prefix = await source.read(0, 8, signal);
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true));
  if (length > maxHeaderBytes || 8 + length > source.size) {
    throw new InvalidFileError({
      what: `${source.name} claims a header that cannot be.`,
      got: `${length} bytes in a file of ${source.size}`,
      expected: `at most ${Math.min(maxHeaderBytes, source.size - 8)}`,
      fix: 'the file is truncated or not a safetensors file: download it again',
    });
  }
  const header = parseHeader(await source.read(8, 8 + length, signal), source.name, 8 + length, source.size);
  return {
    name: source.name,
    ...header,
    async read(name, options = {}) {
      const entry = header.tensors.get(name);
      if (entry === undefined) {
        throw new InvalidFileError({ what: `${source.name} has no tensor ${quote(name)}.` });
      }
      checkReadable(entry, source.name);
      const bytes = await source.read(entry.byteOffset, entry.byteOffset + entry.byteLength, options.signal);
      return decode(entry, bytes);
    },
  };
}

/** Throws UnsupportedError unless the tensor can be read as f32. */
export function checkReadable({ name, dtype }: TensorEntry, file: string): void {
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
    throw new UnsupportedError({
      what: `${file}: weights of dtype ${dtype} are not supported.`,
      got: `${dtype} in tensor ${quote(name)}`,
      expected: 'F32, F16 or BF16',
      fix: 'export the model in one of these',
    });
  }
}

function decode({ dtype }: TensorEntry, bytes: Uint8Array): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  if (dtype === 'F32') return new Float32Array(aligned.buffer, aligned.byteOffset, bytes.length / 4);
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, bytes.length / 2);
  return dtype === 'F16' ? decodeFloat16(halves) : decodeBfloat16(halves);
}
