/** Token ids from outside: any array of numbers, each checked before it becomes 32-bit. */

import { TokenOutOfRangeError } from '@inattention/core';

/** Throws TokenOutOfRangeError naming the first value that is not a whole number in [0, vocabSize). */
export function checkIdValues(ids: Int32Array | readonly number[], vocabSize: number): Int32Array {
  for (let index = 0; index < ids.length; index += 1) {
    const id = ids[index] as number;
    if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
      throw new TokenOutOfRangeError({
        what: `Token ${index} is not in the vocabulary.`,
        got: String(id),
        expected: `a whole number from 0 to ${vocabSize - 1}`,
        fix: "use the model's own tokenizer",
      });
    }
  }
  return ids instanceof Int32Array ? ids : Int32Array.from(ids);
}
