/**
 * The file of tokens that training reads. Everything is little-endian.
 *
 *       0   8 bytes   "INATOKEN"
 *       8   u32       version, 1
 *      12   u32       bytes of a token, 2 or 4
 *      16   u64       tokens
 *      24   u64       documents
 *      32   u32       vocabulary size: every id is below it
 *      36   u32       0
 *      40   16 bytes  FNV-1a (64 bit, hexadecimal) of all bytes from 128 on, then of the first 128 with 0 here
 *      56   8 bytes   0
 *      64   64 bytes  fingerprint of the tokenizer: ASCII, filled up with 0
 *     128   the ids, filled up with 0 to a multiple of 8 bytes
 *           one u64 per document: where it ends, in tokens; ascending, the last one is the number of tokens
 */

import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import type { Fingerprint } from '@inattention/formats';

/** Bytes before the first token. */
export const headerBytes = 128;
/** Bytes of a document's end. */
export const endBytes = 8;

const magic = 'INATOKEN';
const version = 1;
const fingerprintAt = 40;
const fingerprintEnd = 56;

export interface TokenFileHeader {
  readonly bytesPerToken: 2 | 4;
  readonly tokenCount: number;
  readonly documentCount: number;
  readonly vocabSize: number;
  readonly fingerprint: string;
  readonly tokenizerFingerprint: string;
}

/** Bytes of the ids with what fills them up. */
export function tokenBytes({
  bytesPerToken,
  tokenCount,
}: Pick<TokenFileHeader, 'bytesPerToken' | 'tokenCount'>): number {
  return Math.ceil((tokenCount * bytesPerToken) / 8) * 8;
}

/** u16 where every id fits. Throws InvalidArgumentError for a size that no vocabulary has. */
export function bytesPerTokenOf(vocabSize: number): 2 | 4 {
  if (!Number.isInteger(vocabSize) || vocabSize < 1 || vocabSize > 2 ** 31) {
    throw new InvalidArgumentError({ what: 'A vocabulary cannot have that size.', got: String(vocabSize) });
  }
  return vocabSize <= 2 ** 16 ? 2 : 4;
}

/**
 * The first bytes of a file, fingerprint included.
 * @param sum of all bytes that follow them; it then covers these, too
 */
export function encodeHeader(header: Omit<TokenFileHeader, 'fingerprint'>, sum: Fingerprint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerBytes);
  const view = new DataView(bytes.buffer);
  const ascii = (text: string, at: number) => bytes.set(new TextEncoder().encode(text), at);
  ascii(magic, 0);
  view.setUint32(8, version, true);
  view.setUint32(12, header.bytesPerToken, true);
  view.setBigUint64(16, BigInt(header.tokenCount), true);
  view.setBigUint64(24, BigInt(header.documentCount), true);
  view.setUint32(32, header.vocabSize, true);
  if (!/^[\x21-\x7e]{0,64}$/.test(header.tokenizerFingerprint)) {
    throw new InvalidArgumentError({
      what: 'The fingerprint of the tokenizer does not fit a token file.',
      got: JSON.stringify(header.tokenizerFingerprint.slice(0, 80)),
      expected: 'at most 64 visible ASCII characters',
    });
  }
  ascii(header.tokenizerFingerprint, 64);
  ascii(sum.add(bytes).toString(), fingerprintAt);
  return bytes;
}

/**
 * Reads and checks the first bytes of a file of `size` bytes. Throws InvalidFileError, so that whoever reads on can rely
 * on the numbers being possible and on the file being exactly as long as they say.
 */
export function decodeHeader(name: string, size: number, bytes: Uint8Array): TokenFileHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (start: number, end: number) => String.fromCharCode(...bytes.subarray(start, end)).replace(/\0+$/, '');
  if (bytes.length < headerBytes || text(0, 8) !== magic) {
    const fix = 'make it of text with `prepareTokens` first';
    throw new InvalidFileError({
      what: `${name} is no token file.`,
      got: `${size} bytes`,
      expected: `"${magic}" first`,
      fix,
    });
  }
  if (view.getUint32(8, true) !== version) {
    const got = `version ${view.getUint32(8, true)}`;
    throw damaged(name, 'is of a version that is not known', got, `version ${version}`);
  }
  const bytesPerToken = view.getUint32(12, true);
  if (bytesPerToken !== 2 && bytesPerToken !== 4) {
    throw damaged(name, 'has tokens of an impossible size', `${bytesPerToken} bytes`, '2 or 4');
  }
  const header = {
    bytesPerToken,
    tokenCount: Number(view.getBigUint64(16, true)),
    documentCount: Number(view.getBigUint64(24, true)),
    vocabSize: view.getUint32(32, true),
    fingerprint: text(fingerprintAt, fingerprintEnd),
    tokenizerFingerprint: text(64, 128),
  } as const;
  const { tokenCount, documentCount, vocabSize, fingerprint, tokenizerFingerprint } = header;
  if (documentCount > tokenCount || documentCount === 0 || tokenCount > Number.MAX_SAFE_INTEGER / 8) {
    throw damaged(name, 'counts what cannot be', `${documentCount} documents of ${tokenCount} tokens`, 'none empty');
  }
  const expected = headerBytes + tokenBytes(header) + documentCount * endBytes;
  if (size !== expected) throw damaged(name, 'is not as long as it says', `${size} bytes`, `${expected} bytes`);
  if (vocabSize < 1 || vocabSize > (bytesPerToken === 2 ? 2 ** 16 : 2 ** 31)) {
    throw damaged(name, 'has an impossible vocabulary size', String(vocabSize));
  }
  if (!/^[0-9a-f]{16}$/.test(fingerprint) || !/^[\x21-\x7e]*$/.test(tokenizerFingerprint)) {
    throw damaged(name, 'has an unreadable fingerprint', JSON.stringify([fingerprint, tokenizerFingerprint]));
  }
  return header;
}

/** The first bytes as they were when they were summed. */
export function withoutFingerprint(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes).fill(0, fingerprintAt, fingerprintEnd);
}

/** A token file that is not as it was written, and how. */
export function damaged(name: string, what: string, got: string, expected?: string): InvalidFileError {
  const fix = 'make the file again from its text';
  return new InvalidFileError({ what: `${name} ${what}.`, got, ...(expected !== undefined && { expected }), fix });
}
