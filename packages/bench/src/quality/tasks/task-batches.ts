/** Texts of a task as batches to train on: without end, each a function of seed and number alone. */

import { InvalidArgumentError } from '@inattention/core';
import { Random } from '@inattention/model';
import type { Batch, BatchSource } from '@inattention/train';
import type { Task, TaskText } from './task.ts';

/** `count` texts; the same for the same task and seed. */
export function taskTexts(task: Task, seed: number, count: number): TaskText[] {
  const random = Random.seeded(seed);
  return Array.from({ length: count }, () => task.sample(random));
}

/** Batches of `batchSize` fresh texts; batch number n is that of seed + n. */
export function taskBatches(task: Task, batchSize: number, seed: number): BatchSource {
  let number = 0;
  return {
    async next(): Promise<Batch> {
      const texts = taskTexts(task, seed + number, batchSize);
      number += 1;
      return { texts };
    },
    cursor: () => ({ number, seed, task: task.name }),
    seek(cursor) {
      if (cursor.task !== task.name || cursor.seed !== seed || !Number.isSafeInteger(cursor.number)) {
        throw new InvalidArgumentError({ what: 'The cursor is of another task.', got: JSON.stringify(cursor) });
      }
      number = cursor.number as number;
    },
  };
}
