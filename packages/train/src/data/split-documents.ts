/**
 * Training, validation and test documents. Which part a document belongs to depends on its number and a seed alone: it
 * stays there when documents are added after it, and a test document stays one whatever the share of validation.
 */

import { InvalidArgumentError } from '@inattention/core';
import { subsetOfDocuments } from './document-subset.ts';
import { checkSeed, uniform } from './hash.ts';
import type { TokenData } from './token-data.ts';

/** Documents [first, last). */
export interface DocumentRange {
  readonly first: number;
  readonly last: number;
}

export interface SplitOptions {
  /** A share of the documents drawn by the seed, from 0 to 1, or exactly these. Default 0. */
  readonly validation?: number | DocumentRange;
  /** The same for what no run may see. Default 0. */
  readonly test?: number | DocumentRange;
  /** Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** No document is in two of them, each is in one. Small data can leave one without documents. */
export interface DocumentSplit {
  readonly train: TokenData;
  readonly validation: TokenData;
  readonly test: TokenData;
}

/** Throws InvalidArgumentError for shares and ranges that cannot be, or that leave nothing to train on. */
export async function splitDocuments(data: TokenData, options: SplitOptions = {}): Promise<DocumentSplit> {
  const { validation = 0, test = 0, seed = 0, signal } = options;
  check(data, validation, test, seed);
  const partOf = (document: number): keyof DocumentSplit => {
    if (inRange(test, document)) return 'test';
    if (inRange(validation, document)) return 'validation';
    const draw = uniform(seed, document);
    if (draw < share(test)) return 'test';
    return draw < share(test) + share(validation) ? 'validation' : 'train';
  };
  const subset = (part: keyof DocumentSplit) =>
    subsetOfDocuments(data, {
      name: `${part}: validation ${describe(validation)}, test ${describe(test)}, seed ${seed}`,
      keep: (document) => partOf(document) === part,
      ...(signal && { signal }),
    });
  const split = {
    train: await subset('train'),
    validation: await subset('validation'),
    test: await subset('test'),
  };
  if (split.train.documentCount > 0) return split;
  throw new InvalidArgumentError({
    what: `Nothing of ${data.name} is left to train on.`,
    got: `${split.validation.documentCount} documents for validation, ${split.test.documentCount} for the test`,
    expected: `fewer of the ${data.documentCount} documents there`,
  });
}

function check(data: TokenData, validation: number | DocumentRange, test: number | DocumentRange, seed: number): void {
  checkSeed(seed);
  for (const part of [validation, test]) {
    const { first, last } = typeof part === 'number' ? { first: 0, last: 0 } : part;
    const isRange = Number.isInteger(first) && Number.isInteger(last) && first >= 0 && first <= last;
    if (isRange && last <= data.documentCount && share(part) >= 0 && share(part) <= 1) continue;
    throw new InvalidArgumentError({
      what: 'Documents cannot be set apart like that.',
      got: describe(part),
      expected: `a share from 0 to 1, or documents from 0 to ${data.documentCount}`,
    });
  }
  const overlap =
    typeof validation === 'object' &&
    typeof test === 'object' &&
    Math.max(validation.first, test.first) < Math.min(validation.last, test.last);
  if (!overlap && share(validation) + share(test) <= 1) return;
  throw new InvalidArgumentError({
    what: 'Validation and test documents overlap.',
    got: `validation ${describe(validation)}, test ${describe(test)}`,
    expected: 'shares of at most 1 together, or ranges without a document in common',
  });
}

function share(part: number | DocumentRange): number {
  return typeof part === 'number' ? part : 0;
}

function inRange(part: number | DocumentRange, document: number): boolean {
  return typeof part === 'object' && document >= part.first && document < part.last;
}

function describe(part: number | DocumentRange): string {
  return typeof part === 'number' ? String(part) : `[${part.first}, ${part.last})`;
}
