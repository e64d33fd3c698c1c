/**
 * Texts of limited length, cut from token data by number. Every token but the first is foreseen in exactly one text: a
 * text of T positions has T + 1 ids, of which the last is the next text's first.
 */

import { InvalidArgumentError } from '@inattention/core';
import { Fingerprint } from '@inattention/formats';
import type { TrainingText } from './batch-source.ts';
import type { TokenData } from './token-data.ts';
import { WeightedDocuments } from './weighted-documents.ts';

export interface Examples {
  /** For messages. */
  readonly name: string;
  readonly count: number;
  /** Positions of the longest. */
  readonly length: number;
  /** Tells what `read` gives for each number. */
  readonly fingerprint: string;
  /** @param number in [0, count) */
  read(number: number, signal?: AbortSignal): Promise<TrainingText>;
}

export interface ExampleOptions {
  /** Positions of a text: it has one id more. */
  readonly length: number;
  /** What remains at an end is left out when it has fewer positions. Default 1: nothing is left out. */
  readonly shortest?: number;
}

/**
 * Texts of the packed documents, one after the other, wherever documents begin and end; the texts say where. All have
 * `length` positions but the last, which has what remains.
 * @throws InvalidArgumentError for impossible lengths, and when there is no text
 */
export function packedExamples(data: TokenData, options: ExampleOptions): Examples {
  const { length, shortest = 1 } = options;
  checkLengths(length, shortest);
  const foreseen = Math.max(0, data.tokenCount - 1);
  const rest = foreseen % length;
  const count = Math.floor(foreseen / length) + (rest >= shortest ? 1 : 0);
  checkCount(data, count, options);
  return {
    ...identity('packed', data, count, length, shortest),
    read(number, signal) {
      checkNumber(number, count);
      const start = number * length;
      return readText(data, start, Math.min(start + length + 1, data.tokenCount), signal);
    },
  };
}

/**
 * Texts that lie within one document each: `length` positions, the last of a document what remains. For contexts that
 * are to be long, choose the documents first (`subsetOfDocuments`), or leave short rests out (`shortest`).
 * @throws InvalidArgumentError for impossible lengths, and when there is no text
 */
export async function documentExamples(
  data: TokenData,
  options: ExampleOptions & { readonly signal?: AbortSignal },
): Promise<Examples> {
  const { length, shortest = 1 } = options;
  checkLengths(length, shortest);
  const textsOf = (_document: number, tokens: number) =>
    Math.floor((tokens - 1) / length) + ((tokens - 1) % length >= shortest ? 1 : 0);
  const documents = await WeightedDocuments.of(data, textsOf, options.signal);
  const count = documents.total;
  checkCount(data, count, options);
  return {
    ...identity('document', data, count, length, shortest),
    async read(number, signal) {
      checkNumber(number, count);
      const { start: first, end, before } = await documents.locate(number, signal);
      const start = first + (number - before) * length;
      return readText(data, start, Math.min(start + length + 1, end), signal);
    },
  };
}

/** The ids at [start, end), and where documents begin among them. */
async function readText(data: TokenData, start: number, end: number, signal?: AbortSignal): Promise<TrainingText> {
  const starts: number[] = [];
  for (let at = start; at < end; ) {
    const document = await data.documentAt(at, signal);
    if (document.start >= start) starts.push(document.start - start);
    at = document.end;
  }
  return { tokens: await data.readTokens(start, end, signal), documentStarts: Int32Array.from(starts) };
}

function identity(kind: string, data: TokenData, count: number, length: number, shortest: number) {
  const parts = JSON.stringify([kind, data.fingerprint, length, shortest]);
  return { name: data.name, count, length, fingerprint: new Fingerprint().addText(parts).toString() };
}

function checkLengths(length: number, shortest: number): void {
  const possible = Number.isInteger(length) && Number.isInteger(shortest) && shortest >= 1 && shortest <= length;
  if (possible && length < 2 ** 31) return;
  throw new InvalidArgumentError({
    what: 'Texts cannot have these lengths.',
    got: `length ${length}, shortest ${shortest}`,
    expected: 'whole numbers from 1, the shortest not above the length',
  });
}

function checkCount(data: TokenData, count: number, { length, shortest = 1 }: ExampleOptions): void {
  if (count > 0) return;
  throw new InvalidArgumentError({
    what: `${data.name} holds no text that is long enough.`,
    got: `${data.tokenCount} tokens in ${data.documentCount} documents`,
    expected: `at least ${shortest + 1} tokens for texts of ${length} positions`,
    fix: 'use more data or shorter texts; set a larger share of the documents apart if this is the validation or test part',
  });
}

function checkNumber(number: number, count: number): void {
  if (Number.isInteger(number) && number >= 0 && number < count) return;
  throw new InvalidArgumentError({
    what: 'There is no such text.',
    got: String(number),
    expected: `0 to ${count - 1}`,
  });
}
