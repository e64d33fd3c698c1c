/** Documents of a JSONL file: one JSON object per line, with the text in a field of it. */

import { InvalidFileError } from '@inattention/core';
import type { ByteSource } from '@inattention/formats';
import { cutText } from './cut-text.ts';
import type { DocumentSource, TextPiece } from './documents.ts';
import { textChunks } from './text-chunks.ts';

/** A longer line is refused: it has to be parsed as a whole. In UTF-16 units. */
const longestLine = 2 ** 26;

export interface JsonlDocumentsOptions {
  /** The field that holds the text. Default "text". */
  readonly field?: string;
}

/** Lines of white space are passed over. Reading throws InvalidFileError, naming the line that is at fault. */
export function jsonlDocuments(source: ByteSource, { field = 'text' }: JsonlDocumentsOptions = {}): DocumentSource {
  return {
    name: source.name,
    size: source.size,
    async *pieces(signal) {
      let number = 0;
      let rest: string[] = [];
      let restLength = 0;
      let read = 0;
      for await (const chunk of textChunks(source, signal)) {
        read = chunk.read;
        const lines = chunk.text.split('\n');
        for (const [index, part] of lines.entries()) {
          rest.push(part);
          restLength += part.length;
          if (restLength > longestLine) throw tooLong(source.name, number + 1);
          if (index === lines.length - 1) break;
          number += 1;
          yield* piecesOf(documentOf(rest.join(''), field, source.name, number), read);
          rest = [];
          restLength = 0;
        }
      }
      yield* piecesOf(documentOf(rest.join(''), field, source.name, number + 1), read);
    },
  };
}

function* piecesOf(document: string | null, read: number): Generator<TextPiece> {
  if (document === null) return;
  for (const text of cutText(document)) yield { text, endsDocument: false, read };
  yield { text: '', endsDocument: true, read };
}

/** The text of a line; null for one without anything. */
function documentOf(line: string, field: string, name: string, number: number): string | null {
  if (line.trim() === '') return null;
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidFileError({
      what: `Line ${number} of ${name} is not JSON.`,
      got,
      expected: 'one object per line',
      cause,
    });
  }
  const text: unknown =
    typeof json === 'object' && json !== null && Object.hasOwn(json, field) ? Reflect.get(json, field) : undefined;
  if (typeof text === 'string') return text;
  throw new InvalidFileError({
    what: `Line ${number} of ${name} has no text.`,
    got: line.length > 80 ? `${line.slice(0, 80)}…` : line,
    expected: `an object whose ${JSON.stringify(field)} is a string`,
    fix: 'name the field that holds the text',
  });
}

function tooLong(name: string, number: number): InvalidFileError {
  return new InvalidFileError({
    what: `Line ${number} of ${name} is too long to be read.`,
    got: `more than ${longestLine} characters`,
    expected: 'one JSON object per line',
    fix: 'split the document, or check that the file is JSONL',
  });
}
