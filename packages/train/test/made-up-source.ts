/** Batches of made-up texts with something to learn: each id tends to follow from the one before it. */

import { InvalidArgumentError } from '@inattention/core';
import { Random } from '@inattention/model';
import type { Batch, BatchSource } from '../src/data/batch-source.ts';

/** Texts that are the same for the same seed and batch number; `count` batches, or no end. */
export function madeUpSource(
  options: { seed?: number; texts?: number; length?: number; count?: number } = {},
): BatchSource {
  const { seed = 1, texts = 4, length = 24, count = Number.POSITIVE_INFINITY } = options;
  let batch = 0;
  const textOf = (number: number) => {
    const random = Random.seeded(seed * 1000003 + number);
    const tokens = new Int32Array(length + 1);
    for (let place = 0; place < tokens.length; place += 1) {
      const before = (tokens[place - 1] ?? number) * 5;
      tokens[place] = random.uniform() < 0.85 ? (before + 7) % 61 : Math.floor(random.uniform() * 61);
    }
    return { tokens, documentStarts: new Int32Array(0) };
  };
  return {
    async next(): Promise<Batch | null> {
      if (batch >= count) return null;
      const first = batch * texts;
      batch += 1;
      return { texts: Array.from({ length: texts }, (_, number) => textOf(first + number)) };
    },
    cursor: () => ({ seed, batch }),
    seek(cursor) {
      if (cursor.seed !== seed || typeof cursor.batch !== 'number') {
        throw new InvalidArgumentError({ what: 'A cursor of another source.', got: JSON.stringify(cursor) });
      }
      batch = cursor.batch;
    },
  };
}
