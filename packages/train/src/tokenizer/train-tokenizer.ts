/**
 * Trains a byte-level BPE tokenizer (Sennrich et al., 2016, over bytes as in Radford et al., 2019) and writes it in
 * Hugging Face's tokenizer.json format. The same documents and options give the same file, on any machine.
 *
 * Ids: special tokens in their order, the 256 bytes in the order of their characters, then merges as they were found.
 */

import { InvalidArgumentError } from '@inattention/core';
import { takeTurns } from '../data/take-turns.ts';
import { byteCharacters } from './byte-alphabet.ts';
import { MergeTable } from './merge-table.ts';
import { maxVocabSize } from './pair-queue.ts';
import { type TokenizerJson, tokenizerJson } from './tokenizer-json.ts';
import { WordCounts } from './word-counts.ts';

export interface TokenizerProgress {
  /** `counting` words, then `merging` pairs. */
  readonly phase: 'counting' | 'merging';
  /** UTF-16 units read, or ids there are. */
  readonly done: number;
  /** Ids wanted; unknown while counting. */
  readonly total: number | null;
}

export interface TrainTokenizerOptions {
  /** Ids wanted, special tokens and the 256 bytes included. */
  readonly vocabSize: number;
  /** Texts that become one id each and are never cut. Default: `<|endoftext|>`. */
  readonly specialTokens?: readonly string[];
  /** A pair that occurs less often is not merged. Default 2. */
  readonly minFrequency?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TokenizerProgress) => void;
}

export interface TrainedTokenizer {
  /** tokenizer.json, for `loadTokenizer` of formats or, through `serializeTokenizer`, for a file. */
  readonly json: TokenizerJson;
  /** Ids there are: fewer than wanted when the text had too few pairs to merge. */
  readonly vocabSize: number;
  readonly merges: number;
  /** Documents read, and distinct words in them. */
  readonly documents: number;
  readonly words: number;
}

/**
 * Trains on documents; nothing is merged across them.
 * @throws InvalidArgumentError for options that cannot be, or when there is no text; AbortedError
 */
export async function trainTokenizer(
  documents: Iterable<string> | AsyncIterable<string>,
  options: TrainTokenizerOptions,
): Promise<TrainedTokenizer> {
  const { vocabSize, specialTokens = ['<|endoftext|>'], minFrequency = 2, signal, onProgress } = options;
  checkOptions(vocabSize, specialTokens, minFrequency);
  const turn = takeTurns('Training the tokenizer', signal);
  const words = new WordCounts(specialTokens);
  for await (const document of documents) {
    for (const _ of words.add(document)) {
      if (await turn()) onProgress?.({ phase: 'counting', done: words.characters, total: null });
    }
  }
  onProgress?.({ phase: 'counting', done: words.characters, total: null });
  if (words.counts.size === 0) {
    throw new InvalidArgumentError({
      what: 'There is no text to train a tokenizer on.',
      got: `${words.documents} documents without text`,
      expected: 'text',
    });
  }
  const alphabet = [...byteCharacters].sort();
  const tokens = [...specialTokens, ...alphabet];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const special = new Set(specialTokens);
  const table = new MergeTable(
    words.counts,
    byteCharacters.map((character) => ids.get(character) as number),
  );
  const merges = new Set<string>();
  while (tokens.length < vocabSize) {
    const pair = table.queue.take();
    if (pair === null || pair.count < minFrequency) break;
    const [left, right] = [tokens[pair.left] as string, tokens[pair.right] as string];
    const token = left + right;
    if (special.has(token)) continue; // it would stand for another text
    const id = ids.get(token) ?? tokens.length;
    if (id === tokens.length) {
      tokens.push(token);
      ids.set(token, id);
    }
    merges.add(`${left} ${right}`);
    table.merge(pair, id);
    if (await turn()) onProgress?.({ phase: 'merging', done: tokens.length, total: vocabSize });
  }
  onProgress?.({ phase: 'merging', done: tokens.length, total: vocabSize });
  const json = tokenizerJson(tokens, [...merges], specialTokens);
  return { json, vocabSize: tokens.length, merges: merges.size, documents: words.documents, words: words.counts.size };
}

function checkOptions(vocabSize: number, specialTokens: readonly string[], minFrequency: number): void {
  const bytes = new Set(byteCharacters);
  const bad = specialTokens.find(
    (token) => token === '' || bytes.has(token) || /\s/.test(token) || !isWellFormed(token),
  );
  if (bad !== undefined || new Set(specialTokens).size !== specialTokens.length) {
    throw new InvalidArgumentError({
      what: 'The special tokens cannot be used.',
      got: JSON.stringify(bad ?? specialTokens),
      expected: 'different texts without white space, longer than one character of Latin script',
    });
  }
  const least = 256 + specialTokens.length;
  if (!Number.isInteger(vocabSize) || vocabSize < least || vocabSize > maxVocabSize) {
    throw new InvalidArgumentError({
      what: 'The vocabulary cannot have that size.',
      got: String(vocabSize),
      expected: `a whole number from ${least} (256 bytes and ${specialTokens.length} special tokens) to ${maxVocabSize}`,
    });
  }
  if (!Number.isInteger(minFrequency) || minFrequency < 1) {
    throw new InvalidArgumentError({ what: 'minFrequency is a whole number from 1.', got: String(minFrequency) });
  }
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
