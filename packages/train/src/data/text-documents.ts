/**
 * Documents of a plain text: one, or several with a line between them that says so. Line ends stay as they are; the
 * separating lines belong to no document.
 */

import { InvalidArgumentError } from '@inattention/core';
import type { ByteSource } from '@inattention/formats';
import { cutText, pieceLength } from './cut-text.ts';
import type { DocumentSource, TextPiece } from './documents.ts';
import { textChunks } from './text-chunks.ts';

export interface TextDocumentsOptions {
  /** A line that is exactly this ends a document. Without it the whole text is one. */
  readonly separator?: string;
}

/** Throws InvalidArgumentError for a separator that no line can be; reading throws InvalidFileError. */
export function textDocuments(source: ByteSource, { separator }: TextDocumentsOptions = {}): DocumentSource {
  if (separator !== undefined && (/[\r\n]/.test(separator) || separator.length > pieceLength)) {
    throw new InvalidArgumentError({
      what: 'The separator of documents is not one line.',
      got: JSON.stringify(separator.slice(0, 80)),
      expected: 'the text of a line; an empty one is fine',
    });
  }
  return {
    name: source.name,
    size: source.size,
    async *pieces(signal) {
      const splitter = new Splitter(separator ?? null);
      let read = 0;
      for await (const chunk of textChunks(source, signal)) {
        read = chunk.read;
        for (const piece of splitter.push(chunk.text)) yield { ...piece, read };
      }
      for (const piece of splitter.flush()) yield { ...piece, read };
    },
  };
}

type Piece = Omit<TextPiece, 'read'>;

class Splitter {
  readonly #separator: string | null;
  /** What is not yet known to be a line of a document. */
  #line = '';
  /** Whether `#line` goes on a line that is in the document already. */
  #withinLine = false;
  /** Text of the document that was not handed out. */
  #text = '';

  constructor(separator: string | null) {
    this.#separator = separator;
  }

  *push(chunk: string): Generator<Piece> {
    if (this.#separator === null) {
      this.#text += chunk;
      yield* this.#full();
      return;
    }
    const lines = (this.#line + chunk).split('\n');
    this.#line = lines.pop() as string;
    for (const line of lines) {
      if (this.#separates(line)) yield* this.#end();
      else this.#text += `${line}\n`;
      this.#withinLine = false;
      yield* this.#full();
    }
    if (this.#line.length <= pieceLength) return;
    // Too long for a separator. A carriage return may still belong to the line end that follows; it does no harm here.
    this.#text += this.#line;
    this.#line = '';
    this.#withinLine = true;
    yield* this.#full();
  }

  *flush(): Generator<Piece> {
    if (this.#separator !== null && !this.#separates(this.#line)) this.#text += this.#line;
    yield* this.#end();
  }

  #separates(line: string): boolean {
    return !this.#withinLine && (line === this.#separator || line === `${this.#separator}\r`);
  }

  *#full(): Generator<Piece> {
    if (this.#text.length <= 2 * pieceLength) return;
    const pieces = [...cutText(this.#text)];
    this.#text = pieces.pop() as string; // may grow yet
    for (const text of pieces) yield { text, endsDocument: false };
  }

  *#end(): Generator<Piece> {
    for (const text of cutText(this.#text)) yield { text, endsDocument: false };
    this.#text = '';
    yield { text: '', endsDocument: true };
  }
}
