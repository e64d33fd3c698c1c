/**
 * Documents → ids. The same stream of ids goes into a file (Node) or stays in memory; nothing here holds more than a
 * piece of a text.
 *
 * A long document is encoded piece by piece, cut where words end (cut-text.ts): the same ids as at once for byte-level
 * tokenizers, and for others but for a token where a piece begins. Special tokens that a text spells out become their
 * ids, as everywhere.
 */

import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import type { Tokenizer } from '@inattention/formats';
import type { DocumentSource } from './documents.ts';
import { takeTurns } from './take-turns.ts';
import { type TokenData, tokensInMemory } from './token-data.ts';

export interface TokenizeProgress {
  /** Read so far and to be read, of all sources: bytes of files, UTF-16 units in memory. */
  readonly done: number;
  readonly total: number;
  readonly documents: number;
  readonly tokens: number;
}

export interface TokenizeOptions {
  readonly tokenizer: Tokenizer;
  /**
   * The id put after each document, or null for none. Default: the tokenizer's own end of text, none when it has none.
   */
  readonly endOfText?: number | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TokenizeProgress) => void;
}

/** Ids of a part of a document. */
export interface TokenPiece {
  readonly ids: Int32Array;
  /** Whether a document, one that has ids, ends here. */
  readonly endsDocument: boolean;
}

/** Ids of all documents in the order of the sources. Documents without text are passed over. */
export async function* tokenizeDocuments(
  sources: readonly DocumentSource[],
  options: TokenizeOptions,
): AsyncGenerator<TokenPiece> {
  const { tokenizer, signal, onProgress } = options;
  const endOfText = endOf(options);
  const turn = takeTurns('Tokenizing', signal);
  const total = sources.reduce((sum, { size }) => sum + size, 0);
  let [before, done, documents, tokens] = [0, 0, 0, 0];
  const report = () => onProgress?.({ done, total, documents, tokens });
  for (const source of sources) {
    let length = 0;
    for await (const { text, endsDocument, read } of source.pieces(signal)) {
      const ids = text === '' ? new Int32Array(0) : tokenizer.encode(text);
      length += ids.length;
      const ends = endsDocument && length > 0;
      if (ids.length > 0 || ends) yield { ids: ends ? withEnd(ids, endOfText) : ids, endsDocument: ends };
      tokens += ids.length + (ends && endOfText !== null ? 1 : 0);
      documents += ends ? 1 : 0;
      if (endsDocument) length = 0;
      done = before + read;
      if (await turn()) report();
    }
    before += source.size;
    done = before;
  }
  report();
  if (documents === 0) {
    throw new InvalidFileError({
      what: 'There is no text to train on.',
      got: `${sources.length} sources without text${sources[0] === undefined ? '' : `, ${sources[0].name} first`}`,
    });
  }
}

/** Tokenizes documents and keeps the ids in memory, where there are no files. */
export async function tokenizeInMemory(
  sources: readonly DocumentSource[],
  options: TokenizeOptions & { readonly name?: string },
): Promise<TokenData> {
  const documents: number[][] = [[]];
  for await (const { ids, endsDocument } of tokenizeDocuments(sources, options)) {
    const document = documents.at(-1) as number[];
    for (const id of ids) document.push(id);
    if (endsDocument) documents.push([]);
  }
  const { tokenizer, name } = options;
  const { vocabSize, fingerprint: tokenizerFingerprint } = tokenizer;
  return tokensInMemory(documents, { vocabSize, tokenizerFingerprint, ...(name !== undefined && { name }) });
}

function endOf({ tokenizer, endOfText }: TokenizeOptions): number | null {
  const id = endOfText === undefined ? (tokenizer.eosTokenIds[0] ?? null) : endOfText;
  if (id === null || (Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize)) return id;
  throw new InvalidArgumentError({
    what: 'The end of a text is no token.',
    got: String(id),
    expected: `an id from 0 to ${tokenizer.vocabSize - 1}, or null`,
  });
}

function withEnd(ids: Int32Array, endOfText: number | null): Int32Array {
  if (endOfText === null) return ids;
  const more = new Int32Array(ids.length + 1);
  more.set(ids);
  more[ids.length] = endOfText;
  return more;
}
