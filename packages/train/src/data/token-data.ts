/**
 * Tokens that training reads by place: a packed row of documents, in memory or in a file larger than it. Windows, splits
 * and batches are built on this and on nothing else.
 */

import { InvalidArgumentError, TokenOutOfRangeError } from '@inattention/core';
import { Fingerprint } from '@inattention/formats';

export interface TokenData {
  /** For messages: a file, or what it was made of. */
  readonly name: string;
  /** Tokens of all documents together. */
  readonly tokenCount: number;
  /** Documents; none is empty. */
  readonly documentCount: number;
  /** Every id is below it. */
  readonly vocabSize: number;
  /** Tells contents apart, so that a cursor is not taken to other data: 16 hexadecimal digits. */
  readonly fingerprint: string;
  /** That of the tokenizer which made the ids; empty when it is not known. */
  readonly tokenizerFingerprint: string;
  /** The ids at [start, end), which the caller owns. Throws InvalidFileError for a damaged file. */
  readTokens(start: number, end: number, signal?: AbortSignal): Promise<Int32Array>;
  /** Where documents [first, last) end, in tokens: ascending, the last document's end being `tokenCount`. */
  readDocumentEnds(first: number, last: number, signal?: AbortSignal): Promise<Float64Array>;
  /**
   * The document at a token, and where it begins and ends.
   * @param token in [0, tokenCount)
   */
  documentAt(token: number, signal?: AbortSignal): Promise<DocumentSpan>;
}

/** One document of a TokenData: [start, end) in tokens. */
export interface DocumentSpan {
  readonly document: number;
  readonly start: number;
  readonly end: number;
}

export interface TokensInMemoryOptions {
  readonly vocabSize: number;
  /** For messages. Default: "the documents". */
  readonly name?: string;
  readonly tokenizerFingerprint?: string;
}

/**
 * Documents given as ids, packed in memory. Empty ones are left out.
 * @throws TokenOutOfRangeError naming the first number that is no id below vocabSize
 */
export function tokensInMemory(documents: Iterable<ArrayLike<number>>, options: TokensInMemoryOptions): TokenData {
  const { vocabSize, name = 'the documents', tokenizerFingerprint = '' } = options;
  const list = [...documents].filter(({ length }) => length > 0);
  const tokens = new Int32Array(list.reduce((sum, { length }) => sum + length, 0));
  const ends = new Float64Array(list.length);
  let at = 0;
  list.forEach((document, number) => {
    for (let i = 0; i < document.length; i += 1) {
      const id = document[i] as number;
      if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
        throw new TokenOutOfRangeError({
          what: `Token ${i} of document ${number} of ${name} is not in the vocabulary.`,
          got: String(id),
          expected: `a whole number from 0 to ${vocabSize - 1}`,
        });
      }
      tokens[at] = id;
      at += 1;
    }
    ends[number] = at;
  });
  const fingerprint = new Fingerprint().add(new Uint8Array(tokens.buffer)).add(new Uint8Array(ends.buffer)).toString();
  return {
    name,
    tokenCount: tokens.length,
    documentCount: ends.length,
    vocabSize,
    fingerprint,
    tokenizerFingerprint,
    async readTokens(start, end) {
      checkSpan(name, start, end, tokens.length);
      return tokens.slice(start, end);
    },
    async readDocumentEnds(first, last) {
      checkSpan(name, first, last, ends.length);
      return ends.slice(first, last);
    },
    async documentAt(token) {
      checkSpan(name, token, token + 1, tokens.length);
      const document = firstAbove(ends, token);
      return { document, start: document === 0 ? 0 : (ends[document - 1] as number), end: ends[document] as number };
    },
  };
}

/** Throws InvalidArgumentError unless [start, end) lies within [0, count). */
export function checkSpan(name: string, start: number, end: number, count: number): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= count) return;
  throw new InvalidArgumentError({
    what: `${name} has no such part.`,
    got: `[${start}, ${end})`,
    expected: `whole numbers within [0, ${count})`,
  });
}

/** The index of the first of ascending numbers that is above `value`; their count when there is none. */
export function firstAbove(ascending: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
