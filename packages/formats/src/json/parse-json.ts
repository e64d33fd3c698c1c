/**
 * JSON from untrusted bytes: UTF-8 without errors, and no key twice in one object where the caller says that two readers
 * must not see two different files.
 */

import { InvalidFileError } from '@inattention/core';
import { type ByteSource, readAll } from '../sources/byte-source.ts';
import { quote } from './describe.ts';
import { duplicateKey } from './duplicate-keys.ts';

export interface JsonOptions {
  /** What the messages call it: a file, or a part of one. */
  readonly name: string;
  /** Refuse an object that holds a key twice, which JSON.parse settles in silence. Default false. */
  readonly uniqueKeys?: boolean;
}

/** Parses UTF-8 bytes as JSON. Throws InvalidFileError. */
export function parseJson(bytes: Uint8Array, { name, uniqueKeys = false }: JsonOptions): unknown {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (cause) {
    throw new InvalidFileError({
      what: `${name} is not valid JSON.`,
      got: cause instanceof Error ? cause.message : String(cause),
      fix: 'download or export the file again',
      cause,
    });
  }
  const twice = uniqueKeys ? duplicateKey(text) : null;
  if (twice !== null) {
    throw new InvalidFileError({
      what: `${name} holds a name twice in one object.`,
      got: quote(twice),
      expected: 'each name once, so that every reader sees the same file',
      fix: 'download or export the file again',
    });
  }
  return json;
}

/** Parses a whole file of at most `limit` bytes as JSON, each name once per object. */
export async function readJson(source: ByteSource, limit: number, signal?: AbortSignal): Promise<unknown> {
  return parseJson(await readAll(source, limit, signal), { name: source.name, uniqueKeys: true });
}
