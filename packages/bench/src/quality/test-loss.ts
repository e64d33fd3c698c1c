/** Loss of a model on a whole text, cut into windows of equal length: what twin models are compared by. */

import { throwIfAborted } from '@inattention/core';
import { type Model, yieldToEventLoop } from '@inattention/model';
import { evaluateBatch, packedExamples, type TokenData } from '@inattention/train';

export interface WholeLoss {
  /** Nats per token. */
  readonly loss: number;
  readonly lossTerms: number;
}

/**
 * The mean loss over every token that has one before it. Documents follow each other; a window sees nothing of the one before, nor
 * of another document. Throws AbortedError, and InvalidArgumentError for a text of fewer than two tokens.
 */
export async function wholeLoss(
  model: Model,
  data: TokenData,
  windowLength: number,
  options: { readonly signal?: AbortSignal; readonly onWindow?: (done: number, total: number) => void } = {},
): Promise<WholeLoss> {
  const { signal, onWindow } = options;
  const examples = packedExamples(data, { length: windowLength });
  let [sum, lossTerms] = [0, 0];
  for (let number = 0; number < examples.count; number += 1) {
    throwIfAborted(signal, 'The measurement');
    await yieldToEventLoop();
    const text = await examples.read(number, signal);
    if (text.tokens.length - 1 === text.documentStarts.filter((start) => start > 0).length) continue; // nothing to foresee
    const part = await evaluateBatch(model, { texts: [text] });
    sum += part.loss * part.lossTerms;
    lossTerms += part.lossTerms;
    onWindow?.(number + 1, examples.count);
  }
  return { loss: sum / lossTerms, lossTerms };
}
