/** Bytes in memory, and folders of them. */

import { InvalidFileError } from '@inattention/core';
import { type ByteSource, checkRelativePath, type ModelSource } from './byte-source.ts';

export function bytesSource(bytes: Uint8Array, name = 'bytes'): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(start, end) {
      checkRange(name, bytes.length, start, end);
      return bytes.slice(start, end);
    },
  };
}

/** A folder of files in memory, by name. */
export function filesInMemory(files: ReadonlyMap<string, Uint8Array>, name = 'files in memory'): ModelSource {
  return {
    name,
    async open(path) {
      checkRelativePath(path);
      const bytes = files.get(path);
      return bytes === undefined ? null : bytesSource(bytes, path);
    },
  };
}

/** Throws InvalidFileError unless [start, end) lies within `size` bytes. */
export function checkRange(name: string, size: number, start: number, end: number): void {
  if (!(start >= 0 && start <= end && end <= size)) {
    throw new InvalidFileError({
      what: `${name} ends too early.`,
      got: `${size} bytes`,
      expected: `bytes ${start} … ${end}`,
      fix: 'the file is truncated: download it again',
    });
  }
}
