/** Token files: a JSON array of ids, or an object with "tokens". */

import { InvalidFileError, TokenOutOfRangeError } from '@inattention/core';
import { describe, isRecord } from './json/describe.ts';

/**
 * The ids of a parsed token file, checked against a vocabulary of `vocabSize` ids.
 * Throws InvalidFileError for what is no list of numbers, TokenOutOfRangeError naming the first number that is no id.
 */
export function parseTokens(json: unknown, vocabSize: number): Int32Array {
  const list = isRecord(json) ? json.tokens : json;
  if (!Array.isArray(list)) {
    throw new InvalidFileError({
      what: 'The token file holds no list of ids.',
      got: describe(list),
      expected: 'a JSON array of ids, or an object with "tokens"',
    });
  }
  const ids = new Int32Array(list.length);
  for (let index = 0; index < list.length; index += 1) {
    const id: unknown = list[index];
    if (typeof id !== 'number') {
      throw new InvalidFileError({
        what: `Token ${index} is not a number.`,
        got: describe(id),
        expected: `a whole number from 0 to ${vocabSize - 1}`,
        fix: 'write ids, not text: the tokenizer turns text into ids',
      });
    }
    if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw new TokenOutOfRangeError({
        what: `Token ${index} is not in the vocabulary.`,
        got: describe(id),
        expected: `a whole number from 0 to ${vocabSize - 1}`,
        fix: "use ids of the model's own tokenizer",
      });
    }
    ids[index] = id;
  }
  return ids;
}
