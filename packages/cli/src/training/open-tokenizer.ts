/** The tokenizer of a run: its own from before, that of the model it starts from, a given one, or one trained on its data. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { createByteTokenizer, Fingerprint, loadTokenizer, type ModelFiles, type Tokenizer } from '@inattention/formats';
import { type DocumentSource, serializeTokenizer, trainTokenizer, wholeDocuments } from '@inattention/train';
import { startProgress, type Terminal } from '../terminal.ts';
import type { RunSettings } from './run-settings.ts';

export interface RunTokenizer {
  readonly tokenizer: Tokenizer;
  /** tokenizer.json, to be kept with the model; null for bytes, which need none. */
  readonly file: Uint8Array | null;
}

/**
 * `base`: the model that the run starts from. Throws InvalidFileError for a tokenizer that is not there or damaged,
 * InvalidArgumentError for data without text.
 */
export async function openRunTokenizer(
  folder: string,
  settings: RunSettings,
  base: Pick<ModelFiles, 'tokenizer' | 'companions'> | null,
  sources: readonly DocumentSource[] | null,
  terminal: Terminal,
): Promise<RunTokenizer> {
  const own = join(folder, 'tokenizer.json');
  if (existsSync(own)) return readTokenizer(own);
  const { from = '', tokenizer, vocabSize } = settings;
  if (base !== null) {
    const file = (await base.companions({ signal: terminal.signal })).get('tokenizer.json');
    if (file !== undefined) return fromBytes(file, `tokenizer.json of ${from}`);
    if (base.tokenizer !== null) return { tokenizer: base.tokenizer, file: null };
    throw new InvalidFileError({ what: `${from} has no tokenizer.`, fix: 'put its tokenizer.json into the folder' });
  }
  if (tokenizer === 'bytes') return { tokenizer: createByteTokenizer({ endOfText: true }), file: null };
  if (tokenizer !== undefined) return readTokenizer(tokenizer);
  if (sources === null) {
    throw new InvalidArgumentError({
      what: 'A new model on a token file needs the tokenizer that made it.',
      got: 'no tokenizer',
      fix: 'give --tokenizer FILE',
    });
  }
  const progress = startProgress(terminal, 'training the tokenizer');
  try {
    const { signal } = terminal;
    const { json } = await trainTokenizer(wholeDocuments(sources, { signal }), {
      vocabSize,
      signal,
      onProgress: ({ phase, done, total }) => {
        if (phase === 'merging' && total !== null) progress.update(done, total);
      },
    });
    return await fromBytes(new TextEncoder().encode(serializeTokenizer(json)), 'the trained tokenizer');
  } finally {
    progress.stop();
  }
}

async function readTokenizer(path: string): Promise<RunTokenizer> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new InvalidFileError({
      what: `${path} cannot be read.`,
      got: cause instanceof Error ? cause.message : String(cause),
      expected: 'a tokenizer.json, or the word bytes',
      cause,
    });
  }
  return fromBytes(bytes, path);
}

async function fromBytes(bytes: Uint8Array, name: string): Promise<RunTokenizer> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new InvalidFileError({ what: `${name} is not valid JSON.`, expected: 'a tokenizer.json', cause });
  }
  const fingerprint = new Fingerprint().add(bytes).toString();
  return { tokenizer: await loadTokenizer(json, fingerprint), file: bytes };
}
