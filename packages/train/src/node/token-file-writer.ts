/**
 * Writes token files: documents are tokenized as they are read, and their ids go to disk at once. The file appears under
 * its name only when it is whole (temporary name, fsync, rename); whatever fails or is cancelled leaves nothing behind.
 */

import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvalidArgumentError } from '@inattention/core';
import { Fingerprint } from '@inattention/formats';
import type { DocumentSource } from '../data/documents.ts';
import { bytesPerTokenOf, encodeHeader, endBytes, headerBytes, tokenBytes } from '../data/token-file-header.ts';
import { type TokenizeOptions, tokenizeDocuments } from '../data/tokenize-documents.ts';
import { Appender, blockBytes, unwritable } from './token-file-appender.ts';

export interface PreparedTokens {
  readonly path: string;
  readonly bytes: number;
  readonly tokens: number;
  readonly documents: number;
  readonly fingerprint: string;
}

/**
 * Tokenizes the documents of all sources into one token file at `path`, replacing what is there.
 * @throws InvalidFileError for sources that cannot be read or hold no text, and when the file cannot be written (a full
 *   disk); AbortedError. `path` is then as it was.
 */
export async function prepareTokens(
  path: string,
  sources: readonly DocumentSource[],
  options: TokenizeOptions,
): Promise<PreparedTokens> {
  const { vocabSize, fingerprint: tokenizerFingerprint } = options.tokenizer;
  const bytesPerToken = bytesPerTokenOf(vocabSize);
  if (sources.length === 0) {
    throw new InvalidArgumentError({
      what: 'There is nothing to tokenize.',
      got: 'no sources',
      expected: 'at least one',
    });
  }
  const name = `${path}.${randomUUID()}`;
  const [whole, endsPath] = [`${name}.partial`, `${name}.ends.partial`];
  const [file, ends] = [new Appender(whole, path), new Appender(endsPath, path)];
  const counts = { tokenCount: 0, documentCount: 0 };
  const sum = new Fingerprint();
  const append = (bytes: Uint8Array) => {
    sum.add(bytes);
    return file.append(bytes);
  };
  try {
    await file.open();
    await ends.open();
    await file.append(new Uint8Array(headerBytes));
    for await (const { ids, endsDocument } of tokenizeDocuments(sources, options)) {
      await append(toBytes(ids, bytesPerToken));
      counts.tokenCount += ids.length;
      if (!endsDocument) continue;
      counts.documentCount += 1;
      await ends.append(new Uint8Array(BigUint64Array.of(BigInt(counts.tokenCount)).buffer));
    }
    await append(new Uint8Array(headerBytes + tokenBytes({ bytesPerToken, ...counts }) - file.length));
    await ends.flush();
    for (let at = 0; at < counts.documentCount * endBytes; at += blockBytes)
      await append(await ends.read(at, blockBytes));
    await file.finish(encodeHeader({ bytesPerToken, ...counts, vocabSize, tokenizerFingerprint }, sum));
    await rename(whole, path).catch((cause: unknown) => Promise.reject(unwritable(path, cause)));
    await syncFolder(dirname(path));
    const { tokenCount: tokens, documentCount: documents } = counts;
    return { path, bytes: file.length, tokens, documents, fingerprint: sum.toString() };
  } finally {
    await file.close();
    await ends.close();
    await rm(endsPath, { force: true });
    await rm(whole, { force: true });
  }
}

function toBytes(ids: Int32Array, bytesPerToken: 2 | 4): Uint8Array {
  return new Uint8Array(bytesPerToken === 2 ? Uint16Array.from(ids).buffer : Uint32Array.from(ids).buffer);
}

/** So that the new name survives a power cut. Where folders cannot be opened (Windows), the system does it alone. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  try {
    await folder?.sync().catch(() => undefined);
  } finally {
    await folder?.close();
  }
}
