/** Documents and tokens in files of Node's file system: which reader a file gets. */

import { InvalidFileError } from '@inattention/core';
import type { ByteSource } from '@inattention/formats';
import { fileSource } from '@inattention/formats/node';
import type { DocumentSource } from '../data/documents.ts';
import { type JsonlDocumentsOptions, jsonlDocuments } from '../data/jsonl-documents.ts';
import { type TextDocumentsOptions, textDocuments } from '../data/text-documents.ts';
import type { TokenData } from '../data/token-data.ts';
import { openTokenFile } from '../data/token-file.ts';

/**
 * The documents of a file: JSONL where its name ends in `.jsonl` or `.ndjson`, otherwise plain text. Nothing is read yet.
 * @throws InvalidFileError when there is no such file
 */
export async function openDocuments(
  path: string,
  options: TextDocumentsOptions & JsonlDocumentsOptions = {},
): Promise<DocumentSource> {
  const source = await existing(path);
  return /\.(jsonl|ndjson)$/i.test(path) ? jsonlDocuments(source, options) : textDocuments(source, options);
}

/** Opens a token file that `prepareTokens` wrote. Throws InvalidFileError when it is not there, damaged, or none. */
export async function openTokens(path: string, signal?: AbortSignal): Promise<TokenData> {
  return openTokenFile(await existing(path), signal);
}

async function existing(path: string): Promise<ByteSource> {
  const source = await fileSource(path);
  if (source !== null) return source;
  throw new InvalidFileError({ what: `There is no file at ${path}.`, expected: 'a file with text or tokens' });
}
