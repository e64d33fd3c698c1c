/** Which tasks are learnt by which kinds of models, and how: what `inattention bench --quality` runs. */

import type { TaskSettings, TaskVariant } from '../quality-result.ts';
import { associativeRecall } from './associative-recall.ts';
import { copying } from './copy-task.ts';
import type { Task } from './task.ts';

export const tasks: readonly Task[] = [
  associativeRecall('recall', { keys: 16, pairs: 8, asked: 4, length: 32, gap: 0 }),
  associativeRecall('recall-gap-3', { keys: 16, pairs: 6, asked: 3, length: 42, gap: 3 }),
  copying('copy', { symbols: 32, shortest: 8, longest: 16 }),
];

/** In the order of the table. */
export const taskVariants: readonly TaskVariant[] = [
  { attention: 'inattention', positions: 'rope', window: 1 },
  { attention: 'inattention', positions: 'learned', window: 1 },
  { attention: 'inattention', positions: 'alibi', window: 1 },
  { attention: 'self', positions: 'rope', window: 1 },
  { attention: 'self', positions: 'learned', window: 1 },
  { attention: 'inattention', positions: 'rope', window: 3 },
  { attention: 'inattention', positions: 'learned', window: 3 },
  { attention: 'inattention', positions: 'alibi', window: 3 },
  { attention: 'self', positions: 'rope', window: 3 },
];

/** Found by trying a few: with weights of deviation 0.02, as for text, or with decay, everything is learnt more slowly. */
export const taskSettings: TaskSettings = {
  layers: 2,
  hiddenSize: 64,
  intermediateSize: 128,
  heads: 2,
  batch: 32,
  steps: 1200,
  learningRate: 0.004,
  warmup: 50,
  weightDecay: 0,
  deviation: 0.1,
  seed: 1,
  testTexts: 200,
};
