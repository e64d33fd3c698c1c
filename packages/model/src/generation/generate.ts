/** Continues a session, token by token, as an async iterator. Stopping it (break, return, abort) keeps what is there. */

import { throwIfAborted } from '@inattention/core';
import type { Session } from '../session.ts';
import { yieldToEventLoop } from '../yield-to-event-loop.ts';
import { Continuation, type GeneratedToken, type GenerateOptions } from './continuation.ts';

/**
 * Generates after the session's context, which grows by the generated tokens (an end-of-text token is not appended).
 * Throws InvalidArgumentError when the context is empty, AbortedError when cancelled.
 */
export async function* generate(session: Session, options: GenerateOptions = {}): AsyncGenerator<GeneratedToken> {
  const { signal } = options;
  const continuation = new Continuation(session, options);
  while (!continuation.finished) {
    await yieldToEventLoop();
    throwIfAborted(signal, 'Generation');
    const logits = await session.nextLogits({ signal });
    throwIfAborted(signal, 'Generation');
    yield await continuation.take(logits);
  }
}
