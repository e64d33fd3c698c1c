/**
 * Bytes that can be read by range, and folders of them: what every reader of this package takes, wherever the bytes are.
 */

import { InvalidFileError } from '@inattention/core';
import { quote } from '../json/describe.ts';

export interface ByteSource {
  /** For messages: a path, URL or file name. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Bytes [start, end), within the size; the caller owns them. Throws InvalidFileError when fewer can be had. */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
}

/** A model's folder. */
export interface ModelSource {
  readonly name: string;
  /** Opens a file by its name within the folder; null when there is none. Throws InvalidFileError for a name outside. */
  open(path: string, signal?: AbortSignal): Promise<ByteSource | null>;
  /** Names of the files in the folder, where that can be known. */
  list?(): Promise<string[]>;
}

/** Throws InvalidFileError unless `path` names a file within its folder: no `..`, no absolute path, no backslash. */
export function checkRelativePath(path: string): void {
  const parts = path.split('/');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const plain = path.length <= 1024 && !/[\\:\u0000-\u001f\u007f]/.test(path);
  if (!plain || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new InvalidFileError({
      what: 'A file name points outside its folder.',
      got: quote(path),
      expected: 'a relative path without ".."',
    });
  }
}

/** Throws InvalidFileError unless [start, end) lies within `size` bytes. */
export function checkRange(name: string, size: number, start: number, end: number): void {
  if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= size)) {
    throw new InvalidFileError({
      what: `${name} ends too early.`,
      got: `${size} bytes`,
      expected: `bytes ${start} … ${end}`,
      fix: 'the file is truncated: download it again',
    });
  }
}

/** Reads [start, end) and checks that the source gave as many bytes. */
export async function readExactly(
  source: ByteSource,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await source.read(start, end, signal);
  if (bytes.length !== end - start) {
    throw new InvalidFileError({
      what: `${source.name} gave another number of bytes than it was asked for.`,
      got: `${bytes.length} bytes`,
      expected: `${end - start}`,
      fix: 'the file changed while it was read, or its source is at fault: open it again',
    });
  }
  return bytes;
}

/** Reads a whole file of at most `limit` bytes. */
export async function readAll(source: ByteSource, limit: number, signal?: AbortSignal): Promise<Uint8Array> {
  if (source.size > limit) {
    throw new InvalidFileError({
      what: `${source.name} is too large for what it should hold.`,
      got: `${source.size} bytes`,
      expected: `at most ${limit}`,
    });
  }
  return readExactly(source, 0, source.size, signal);
}
