/** Token data for tests in which every token is its own id, so that none can be taken for another. */

import { bytesSource } from '@inattention/formats';
import { type TokenData, tokensInMemory } from '../src/data/token-data.ts';
import { openTokenFile } from '../src/data/token-file.ts';
import { encodeTokens } from './encode-tokens.ts';

export const vocabSize = 2 ** 20;

/** Documents of these lengths. */
export function numbered(lengths: readonly number[]): number[][] {
  let next = 0;
  return lengths.map((length) => {
    next += length;
    return Array.from({ length }, (_, i) => next - length + i);
  });
}

export function inMemory(lengths: readonly number[]): TokenData {
  return tokensInMemory(numbered(lengths), { vocabSize });
}

export function inFile(lengths: readonly number[]): Promise<TokenData> {
  return openTokenFile(bytesSource(encodeTokens(numbered(lengths), vocabSize), 'numbers'));
}
