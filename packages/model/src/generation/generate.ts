/** Continues a session, token by token, as an async iterator. Stopping it (break, return, abort) keeps what is there. */

import { type Backend, InAttentionError, throwIfAborted } from '@inattention/core';
import type { Session } from '../session.ts';
import { yieldToEventLoop } from '../yield-to-event-loop.ts';
import { Continuation, type GeneratedToken, type GenerateOptions } from './continuation.ts';

export interface RecoverOptions {
  /**
   * Makes another backend when the device is lost in the middle: the session recovers on it and the generation goes on
   * with the tokens it would have had. Default: BackendLostError ends it, and `session.recover` is the caller's to call.
   */
  readonly recover?: () => Promise<Backend>;
}

/**
 * Generates after the session's context, which grows by the generated tokens (an end-of-text token is not appended).
 * Throws InvalidArgumentError when the context is empty, AbortedError when cancelled.
 */
export async function* generate(
  session: Session,
  options: GenerateOptions & RecoverOptions = {},
): AsyncGenerator<GeneratedToken> {
  const { signal, recover } = options;
  const continuation = new Continuation(session, options);
  /** Runs work that changes nothing when it fails, a second time after a loss. */
  const surviving = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (recover === undefined || !InAttentionError.isInstance(error, 'BACKEND_LOST')) throw error;
      await session.recover(await recover(), { signal });
      return work();
    }
  };
  while (!continuation.finished) {
    await yieldToEventLoop();
    throwIfAborted(signal, 'Generation');
    const logits = await surviving(() => session.nextLogits({ signal }));
    throwIfAborted(signal, 'Generation');
    yield await surviving(() => continuation.take(logits));
  }
}
