/**
 * Copying: a separator, n random tokens, the separator again, and the same tokens once more. n differs from text to text,
 * so that no fixed distance finds what is to be copied: the tokens before it have to be found again.
 */

import { below, type Task, type TaskText } from './task.ts';

export interface CopySizes {
  /** Different tokens. */
  readonly symbols: number;
  readonly shortest: number;
  readonly longest: number;
}

/** Ids: the tokens from 0, then the separator. */
export function copying(name: string, { symbols, shortest, longest }: CopySizes): Task {
  return {
    name,
    description: `${shortest} to ${longest} random tokens of ${symbols}, a separator, and all of them again`,
    vocabSize: symbols + 1,
    longest: 2 * longest + 1,
    chance: 1 / symbols,
    sample(random): TaskText {
      const count = shortest + below(random, longest - shortest + 1);
      const text = Array.from({ length: count }, () => below(random, symbols));
      return {
        tokens: Int32Array.from([symbols, ...text, symbols, ...text]),
        documentStarts: new Int32Array(0),
        positions: Int32Array.from({ length: count }, (_, order) => count + 1 + order),
      };
    },
  };
}
