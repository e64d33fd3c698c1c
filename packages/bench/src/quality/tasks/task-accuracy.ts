/** How many answers a model gets right: the likeliest next token, with the right ones before it in the text. */

import { throwIfAborted } from '@inattention/core';
import { type Model, yieldToEventLoop } from '@inattention/model';
import type { TaskText } from './task.ts';

export interface TaskAccuracy {
  readonly correct: number;
  readonly answers: number;
}

/** Over the answers of all texts. Throws AbortedError. */
export async function taskAccuracy(
  model: Model,
  texts: readonly TaskText[],
  signal?: AbortSignal,
): Promise<TaskAccuracy> {
  let [correct, answers] = [0, 0];
  for (const { tokens, positions } of texts) {
    throwIfAborted(signal, 'Evaluation');
    using session = model.createSession({ context: 'kv' });
    await session.append(tokens.subarray(0, -1));
    const logits = await session.logitsAt(positions);
    for (const [order, position] of positions.entries()) {
      if (indexOfLargest(logits[order] as Float32Array) === tokens[position + 1]) correct += 1;
    }
    answers += positions.length;
    await yieldToEventLoop();
  }
  return { correct, answers };
}

/** The lower index of equals. */
function indexOfLargest(values: Float32Array): number {
  return values.reduce((best, value, index) => (value > (values[best] as number) ? index : best), 0);
}
