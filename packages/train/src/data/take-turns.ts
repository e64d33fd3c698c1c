/** Long work that lets timers, input and abort signals through between its pieces. */

import { throwIfAborted } from '@inattention/core';
import { yieldToEventLoop } from '@inattention/model';

/** Others have a turn, and progress is reported, this often and not more. */
const longestPauseMs = 50;

/**
 * A function to call between pieces of the work: it gives others a turn when they had none for long, and tells whether
 * it did (a good time to report progress). It and this throw AbortedError.
 */
export function takeTurns(what: string, signal: AbortSignal | undefined): () => Promise<boolean> | boolean {
  throwIfAborted(signal, what);
  let last = performance.now();
  return () => {
    throwIfAborted(signal, what);
    return performance.now() - last >= longestPauseMs && pause();
  };
  async function pause(): Promise<boolean> {
    await yieldToEventLoop();
    throwIfAborted(signal, what);
    last = performance.now();
    return true;
  }
}
