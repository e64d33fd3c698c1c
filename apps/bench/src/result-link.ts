/**
 * A result in a link: its JSON, compressed, in the part after "#", which no server is sent. What a link holds is a stranger's:
 * it is read within bounds and checked like a file.
 */

import { type AnyResult, parseAnyResult, resultSchema } from '@inattention/bench';
import { InvalidFileError } from '@inattention/core';

/** Characters of a link that programs pass on whole. */
export const longestLink = 32_000;
/** Characters that are looked at, and bytes that may come out of them. */
const longestRead = 256_000;
const largestResult = 4 * 2 ** 20;

const prefix = '#result=';

export interface ResultLink {
  /** "#" included. */
  readonly hash: string;
  /** What had to be left out for the link to be short enough. */
  readonly without: string | null;
}

/** null: the result is too long for a link. */
export async function resultLink(result: AnyResult): Promise<ResultLink | null> {
  const whole = await hashOf(result);
  if (whole.length <= longestLink) return { hash: whole, without: null };
  if (result.schema !== resultSchema) return null;
  const rows = result.rows.map(({ decodeProfile: _, ...row }) => row);
  const shorter = await hashOf({ ...result, rows });
  return shorter.length <= longestLink ? { hash: shorter, without: 'the kernels of decode steps' } : null;
}

/** The result; null for an address without one. Throws InvalidFileError for a damaged, hostile or outdated one. */
export async function readLink(hash: string): Promise<AnyResult | null> {
  if (!hash.startsWith(prefix)) return null;
  return parseAnyResult(await unpacked(hash.slice(prefix.length)), 'What the link holds');
}

async function unpacked(text: string): Promise<string> {
  try {
    if (text.length > longestRead) throw new RangeError('too long');
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(
      await through(bytes, new DecompressionStream('deflate-raw')),
    );
  } catch (cause) {
    throw new InvalidFileError({ what: 'The link is damaged.', fix: 'copy the whole link, or ask for a file', cause });
  }
}

async function hashOf(result: AnyResult): Promise<string> {
  const bytes = await through(new TextEncoder().encode(JSON.stringify(result)), new CompressionStream('deflate-raw'));
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return prefix + btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Bytes through a stream; it is stopped when more comes out than any result is. */
async function through(
  bytes: Uint8Array<ArrayBuffer>,
  stream: CompressionStream | DecompressionStream,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of new Blob([bytes]).stream().pipeThrough(stream)) {
    length += piece.length;
    if (length > largestResult) throw new RangeError('too long');
    pieces.push(piece);
  }
  const joined = new Uint8Array(length);
  let place = 0;
  for (const piece of pieces) {
    joined.set(piece, place);
    place += piece.length;
  }
  return joined;
}
