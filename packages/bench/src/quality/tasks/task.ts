/** A synthetic task: texts whose answers follow from the text alone, so that accuracy says what attention can look up. */

import type { Random } from '@inattention/model';
import type { TrainingText } from '@inattention/train';

export interface Task {
  /** As the result names it. */
  readonly name: string;
  /** What is asked, in a sentence. */
  readonly description: string;
  readonly vocabSize: number;
  /** Positions of the longest text. */
  readonly longest: number;
  /** Share of the answers that a guess among all possible answers gets right. */
  readonly chance: number;
  /**
   * A text. `positions` are those whose next token is an answer: nothing else counts, since nothing else can be known.
   */
  sample(random: Random): TaskText;
}

export type TaskText = TrainingText & { readonly positions: Int32Array };

/** A whole number from [0, count), all equally likely. */
export function below(random: Random, count: number): number {
  return Math.floor(random.uniform() * count);
}

/** `count` different numbers from [0, size), in random order (Fisher and Yates). */
export function distinctBelow(random: Random, size: number, count: number): number[] {
  const all = Array.from({ length: size }, (_, number) => number);
  for (let place = 0; place < count; place += 1) {
    const other = place + below(random, size - place);
    [all[place], all[other]] = [all[other] as number, all[place] as number];
  }
  return all.slice(0, count);
}
