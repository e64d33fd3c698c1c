/**
 * Documents on their way from where they are to a tokenizer: a stream of texts of limited length, so that neither a long
 * file nor a long document has to fit in memory.
 */

import { cutText } from './cut-text.ts';

/** A part of a document. */
export interface TextPiece {
  /** May be empty. */
  readonly text: string;
  /** Whether the document ends here. */
  readonly endsDocument: boolean;
  /** How much of the source was read for all pieces up to this one, in the unit of `DocumentSource.size`. */
  readonly read: number;
}

/** Where documents come from. */
export interface DocumentSource {
  /** For messages: a path, a file name. */
  readonly name: string;
  /** For progress: bytes of a file, UTF-16 units in memory. */
  readonly size: number;
  /** The documents from the first on, piece by piece; each call begins anew. */
  pieces(signal?: AbortSignal): AsyncIterable<TextPiece>;
}

/** Documents that are in memory already. */
export function documentsInMemory(documents: readonly string[], name = 'the documents'): DocumentSource {
  return {
    name,
    size: documents.reduce((sum, { length }) => sum + length, 0),
    async *pieces() {
      let read = 0;
      for (const document of documents) {
        for (const text of cutText(document)) {
          read += text.length;
          yield { text, endsDocument: false, read };
        }
        yield { text: '', endsDocument: true, read };
      }
    },
  };
}

/**
 * Whole documents of sources, for what needs them whole: training a tokenizer. Documents longer than `longest` come in
 * parts.
 */
export async function* wholeDocuments(
  sources: readonly DocumentSource[],
  { longest = 2 ** 24, signal }: { readonly longest?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<string> {
  for (const source of sources) {
    let parts: string[] = [];
    let length = 0;
    for await (const { text, endsDocument } of source.pieces(signal)) {
      parts.push(text);
      length += text.length;
      if (!endsDocument && length < longest) continue;
      if (length > 0) yield parts.join('');
      parts = [];
      length = 0;
    }
    if (length > 0) yield parts.join('');
  }
}
