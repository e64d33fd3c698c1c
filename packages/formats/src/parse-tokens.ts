/** Token files: a JSON array of ids, or an object with "tokens". */

import { InvalidFileError, TokenOutOfRangeError } from '@inattention/core';
import { isRecord } from './safetensors/header.ts';

/** The ids of a parsed token file. Throws TokenOutOfRangeError naming the first id that is none. */
export function parseTokens(json: unknown, vocabSize: number): Int32Array {
  const list = isRecord(json) ? json.tokens : json;
  if (!Array.isArray(list)) {
    throw new InvalidFileError({
      what: 'The token file holds no list of ids.',
      expected: 'a JSON array of ids, or an object with "tokens"',
    });
  }
  const ids = new Int32Array(list.length);
  list.forEach((id: unknown, index) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw new TokenOutOfRangeError({
        what: `Token ${index} is not in the vocabulary.`,
        got: JSON.stringify(id)?.slice(0, 60) ?? String(id),
        expected: `a whole number from 0 to ${vocabSize - 1}`,
        fix: "use ids of the model's own tokenizer",
      });
    }
    ids[index] = id;
  });
  return ids;
}
