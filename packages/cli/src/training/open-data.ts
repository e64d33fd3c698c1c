/** The data of a run: files of text become tokens in the run's folder, tokens become batches to train and to evaluate on. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidFileError } from '@inattention/core';
import type { Tokenizer } from '@inattention/formats';
import {
  type BatchSource,
  type DocumentSource,
  exampleBatches,
  packedExamples,
  splitDocuments,
  type TokenData,
  tokenRange,
} from '@inattention/train';
import { openDocuments, openTokens, prepareTokens } from '@inattention/train/node';
import { startProgress, type Terminal } from '../terminal.ts';
import type { RunSettings } from './run-settings.ts';

/** Where the tokens of a run's texts are kept. */
export const tokensFile = 'data.tokens';

export interface RunData {
  readonly train: BatchSource;
  /** null when nothing is set apart. */
  readonly validation: BatchSource | null;
  readonly tokens: number;
}

/** The text files of a run; null when its data are tokens already. Throws InvalidFileError for what is not there. */
export async function openSources({ data, separator }: RunSettings): Promise<DocumentSource[] | null> {
  if (data.length === 1 && isTokens(data[0] as string)) return null;
  const wrong = data.find(isTokens);
  if (wrong !== undefined) {
    throw new InvalidFileError({
      what: 'A token file is the whole of the data, or none of it.',
      got: `${wrong} beside ${data.length - 1} other files`,
      fix: 'give either one .tokens file or files of text',
    });
  }
  return Promise.all(data.map((path) => openDocuments(path, separator === undefined ? {} : { separator })));
}

/** The tokens of a run: those it has made before, those given, or those of its texts, which are made now. */
export async function openTokenData(
  folder: string,
  { data }: RunSettings,
  sources: readonly DocumentSource[] | null,
  tokenizer: Tokenizer,
  terminal: Terminal,
): Promise<TokenData> {
  if (sources === null) return checked(await openTokens(data[0] as string, terminal.signal), tokenizer);
  const path = join(folder, tokensFile);
  if (!existsSync(path)) {
    const progress = startProgress(terminal, 'tokenizing');
    try {
      const { signal } = terminal;
      await prepareTokens(path, sources, {
        tokenizer,
        signal,
        onProgress: ({ done, total }) => progress.update(done, total),
      });
    } finally {
      progress.stop();
    }
  }
  return checked(await openTokens(path, terminal.signal), tokenizer);
}

/** Batches of the tokens. Throws InvalidArgumentError when there are too few. */
export async function batchesOf(data: TokenData, settings: RunSettings, signal: AbortSignal): Promise<RunData> {
  const { contextLength: length, batch: batchSize, seed, positions } = settings;
  const parts = await split(data, settings, signal);
  const chosen = { batchSize, seed, ...(positions !== undefined && { positions }) };
  const train = exampleBatches(packedExamples(parts.train, { length }), chosen);
  const validation =
    parts.validation === null
      ? null
      : exampleBatches(packedExamples(parts.validation, { length }), { ...chosen, order: 'sequential', epochs: 1 });
  return { train, validation, tokens: parts.train.tokenCount };
}

/** Documents are set apart where there are enough of them; else the end of the tokens. */
async function split(data: TokenData, { validation: share, seed }: RunSettings, signal: AbortSignal) {
  if (share === 0) return { train: data, validation: null };
  if (data.documentCount * share >= 4) return splitDocuments(data, { validation: share, seed, signal });
  const end = Math.floor(data.tokenCount * (1 - share));
  const range = (from: number, to: number) => tokenRange(data, from, to, signal);
  return { train: await range(0, end), validation: await range(end, data.tokenCount) };
}

function checked(data: TokenData, tokenizer: Tokenizer): TokenData {
  if (data.tokenizerFingerprint === '' || data.tokenizerFingerprint === tokenizer.fingerprint) return data;
  throw new InvalidFileError({
    what: `The tokens of ${data.name} are of another tokenizer.`,
    got: `tokenizer ${data.tokenizerFingerprint}`,
    expected: `tokenizer ${tokenizer.fingerprint}`,
    fix: 'give the text itself, or the tokenizer.json it was made with',
  });
}

function isTokens(path: string): boolean {
  return path.endsWith('.tokens');
}
