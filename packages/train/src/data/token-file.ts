/**
 * Reads token files (token-file-header.ts has the format) by range, from whatever a ByteSource is: a file of Node or a
 * browser, memory, a URL. What is held in memory is one number per 1,024 documents and the pages of ends used lately.
 *
 * The header and the documents' ends are checked when a file is opened, ids when they are read.
 */

import { throwIfAborted } from '@inattention/core';
import { type ByteSource, Fingerprint } from '@inattention/formats';
import { PageCache } from './page-cache.ts';
import { checkSpan, type DocumentSpan, firstAbove, type TokenData } from './token-data.ts';
import {
  damaged,
  decodeHeader,
  endBytes,
  headerBytes,
  type TokenFileHeader,
  tokenBytes,
  withoutFingerprint,
} from './token-file-header.ts';

/** Documents whose ends are read at once. */
const pageDocuments = 1024;
/** Bytes that the check of a whole file reads at once. */
const checkBytes = 2 ** 20;

/** Opens a token file. Throws InvalidFileError for one that is damaged or none. */
export async function openTokenFile(source: ByteSource, signal?: AbortSignal): Promise<TokenData> {
  const header = decodeHeader(
    source.name,
    source.size,
    await source.read(0, Math.min(headerBytes, source.size), signal),
  );
  const file = new TokenFile(source, header);
  await file.checkEnds(signal);
  return file;
}

/**
 * Reads a whole token file and compares it with the fingerprint in its header, which opening does not. Throws
 * InvalidFileError when it is another.
 */
export async function checkTokenFile(source: ByteSource, signal?: AbortSignal): Promise<void> {
  const { fingerprint } = await openTokenFile(source, signal);
  const sum = new Fingerprint();
  for (let start = headerBytes; start < source.size; start += checkBytes) {
    throwIfAborted(signal, `Checking ${source.name}`);
    sum.add(await source.read(start, Math.min(start + checkBytes, source.size), signal));
  }
  sum.add(withoutFingerprint(await source.read(0, headerBytes, signal)));
  if (sum.toString() === fingerprint) return;
  throw damaged(source.name, 'does not hold what was written', sum.toString(), `the fingerprint ${fingerprint}`);
}

class TokenFile implements TokenData {
  readonly name: string;
  readonly tokenCount: number;
  readonly documentCount: number;
  readonly vocabSize: number;
  readonly fingerprint: string;
  readonly tokenizerFingerprint: string;
  readonly #source: ByteSource;
  readonly #header: TokenFileHeader;
  /** The last end of each page of documents. */
  readonly #pageEnds: number[] = [];
  readonly #pages = new PageCache<Float64Array>((number, signal) => this.#readPage(number, signal));

  constructor(source: ByteSource, header: TokenFileHeader) {
    this.name = source.name;
    this.tokenCount = header.tokenCount;
    this.documentCount = header.documentCount;
    this.vocabSize = header.vocabSize;
    this.fingerprint = header.fingerprint;
    this.tokenizerFingerprint = header.tokenizerFingerprint;
    this.#source = source;
    this.#header = header;
  }

  /** Reads all ends once, page by page. */
  async checkEnds(signal?: AbortSignal): Promise<void> {
    let before = 0;
    for (let first = 0; first < this.documentCount; first += pageDocuments) {
      throwIfAborted(signal, `Opening ${this.name}`);
      const ends = await this.readDocumentEnds(first, Math.min(first + pageDocuments, this.documentCount), signal);
      for (const end of ends) {
        if (!(end > before))
          throw damaged(this.name, 'has documents that do not follow each other', `${end}`, `> ${before}`);
        before = end;
      }
      this.#pageEnds.push(before);
    }
    if (before !== this.tokenCount) {
      throw damaged(this.name, 'has tokens outside its documents', `an end at ${before}`, `${this.tokenCount}`);
    }
  }

  async readTokens(start: number, end: number, signal?: AbortSignal): Promise<Int32Array> {
    checkSpan(this.name, start, end, this.tokenCount);
    const { bytesPerToken, vocabSize } = this.#header;
    const from = headerBytes + start * bytesPerToken;
    const bytes = await this.#source.read(from, from + (end - start) * bytesPerToken, signal);
    const tokens = new Int32Array(end - start);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < tokens.length; i += 1) {
      const id = bytesPerToken === 2 ? view.getUint16(2 * i, true) : view.getUint32(4 * i, true);
      if (id >= vocabSize) throw damaged(this.name, `has an id outside its vocabulary at token ${start + i}`, `${id}`);
      tokens[i] = id;
    }
    return tokens;
  }

  async readDocumentEnds(first: number, last: number, signal?: AbortSignal): Promise<Float64Array> {
    checkSpan(this.name, first, last, this.documentCount);
    const from = headerBytes + tokenBytes(this.#header);
    const bytes = await this.#source.read(from + first * endBytes, from + last * endBytes, signal);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Float64Array.from({ length: last - first }, (_, i) => Number(view.getBigUint64(endBytes * i, true)));
  }

  async documentAt(token: number, signal?: AbortSignal): Promise<DocumentSpan> {
    checkSpan(this.name, token, token + 1, this.tokenCount);
    const number = firstAbove(this.#pageEnds, token);
    const ends = await this.#pages.get(number, signal);
    const index = firstAbove(ends, token);
    const start = index > 0 ? ends[index - 1] : number > 0 ? this.#pageEnds[number - 1] : 0;
    return { document: number * pageDocuments + index, start: start as number, end: ends[index] as number };
  }

  #readPage(number: number, signal?: AbortSignal): Promise<Float64Array> {
    const first = number * pageDocuments;
    return this.readDocumentEnds(first, Math.min(first + pageDocuments, this.documentCount), signal);
  }
}
