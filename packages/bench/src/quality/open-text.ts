/** The text that models are tested on: documents of text, tokenised with each model's own tokenizer, or ids. Node only. */

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { InvalidFileError } from '@inattention/core';
import { parseTokens, type Tokenizer } from '@inattention/formats';
import {
  documentsInMemory,
  type TokenData,
  tokenizeInMemory,
  tokensInMemory,
  wholeDocuments,
} from '@inattention/train';
import { openDocuments, openTokens } from '@inattention/train/node';
import type { QualityText } from './quality-result.ts';

export interface OpenText {
  readonly facts: QualityText;
  /** The text as ids of a model. Throws InvalidFileError for a model without a tokenizer, or ids of another. */
  tokensFor(model: TextModel, signal?: AbortSignal): Promise<TokenData>;
}

/** What of a model decides its ids. */
interface TextModel {
  readonly name: string;
  readonly tokenizer: Tokenizer | null;
  readonly vocabSize: number;
}

/**
 * Opens a file: `.json` is an array of ids, or an object with "tokens" (one document); `.tokens` is a token file; `.jsonl`
 * has a document in each line; anything else is one document of text. Throws InvalidFileError.
 */
export async function openText(path: string, signal?: AbortSignal): Promise<OpenText> {
  const name = basename(path);
  if (path.endsWith('.json')) {
    const json = await readJson(path);
    parseTokens(json, 2 ** 31); // whatever model there will be: that it is a list of ids
    return {
      facts: { name, documents: 1, bytes: null },
      tokensFor: async ({ vocabSize }) => tokensInMemory([parseTokens(json, vocabSize)], { vocabSize, name }),
    };
  }
  if (path.endsWith('.tokens')) {
    const data = await openTokens(path, signal);
    return {
      facts: { name, documents: data.documentCount, bytes: null },
      tokensFor: async (model) => checked(data, model),
    };
  }
  const documents: string[] = [];
  for await (const document of wholeDocuments([await openDocuments(path)], signal === undefined ? {} : { signal })) {
    documents.push(document);
  }
  const bytes = documents.reduce((sum, document) => sum + new TextEncoder().encode(document).length, 0);
  return {
    facts: { name, documents: documents.length, bytes },
    tokensFor({ tokenizer, name: model }) {
      if (tokenizer === null) {
        throw new InvalidFileError({
          what: `${model} has no tokenizer for ${name}.`,
          fix: 'put its tokenizer.json into its folder, or give a file of ids',
        });
      }
      return tokenizeInMemory([documentsInMemory(documents, name)], { tokenizer, ...(signal && { signal }) });
    },
  };
}

function checked(data: TokenData, { name, tokenizer, vocabSize }: TextModel): TokenData {
  const foreign =
    data.tokenizerFingerprint !== '' && tokenizer !== null && tokenizer.fingerprint !== data.tokenizerFingerprint;
  if (!foreign && data.vocabSize <= vocabSize) return data;
  throw new InvalidFileError({
    what: `The ids of ${data.name} are of another tokenizer than that of ${name}.`,
    got: `tokenizer ${data.tokenizerFingerprint}, ${data.vocabSize} ids`,
    expected: `tokenizer ${tokenizer?.fingerprint ?? 'unknown'}, ${vocabSize} ids`,
    fix: 'give the text itself',
  });
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new InvalidFileError({
      what: `${path} cannot be read.`,
      got: cause instanceof Error ? cause.message : String(cause),
      expected: 'JSON: an array of ids, or an object with "tokens"',
      cause,
    });
  }
}
