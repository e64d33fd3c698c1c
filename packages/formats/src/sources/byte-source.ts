/**
 * Bytes that can be read by range, and folders of them: what every reader of this package takes, wherever the bytes are.
 */

import { InvalidFileError } from '@inattention/core';

export interface ByteSource {
  /** For messages: a path, URL or file name. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Bytes [start, end), within the size. Throws InvalidFileError when fewer can be had. */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
}

/** A model's folder. */
export interface ModelSource {
  readonly name: string;
  /** Opens a file by its name within the folder; null when there is none. */
  open(path: string, signal?: AbortSignal): Promise<ByteSource | null>;
}

/** Throws InvalidFileError unless `path` names a file within its folder: no `..`, no absolute path, no backslash. */
export function checkRelativePath(path: string): void {
  const parts = path.split('/');
  const safe =
    path !== '' && !/[\\:\0]/.test(path) && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!safe) {
    throw new InvalidFileError({
      what: 'A file name points outside its folder.',
      got: JSON.stringify(path.slice(0, 200)),
      expected: 'a relative path without ".."',
    });
  }
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
  return source.read(0, source.size, signal);
}

/** Parses a whole file as JSON. */
export async function readJson(source: ByteSource, limit: number, signal?: AbortSignal): Promise<unknown> {
  return parseJson(await readAll(source, limit, signal), source.name);
}

/** Parses UTF-8 bytes as JSON. Throws InvalidFileError naming the file. */
export function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new InvalidFileError({
      what: `${name} is not valid JSON.`,
      got: cause instanceof Error ? cause.message : String(cause),
      fix: 'download or export the file again',
      cause,
    });
  }
}
