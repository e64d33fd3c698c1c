/** Continues a session, token by token, as an async iterator. Stopping it (break, return, abort) keeps what is there. */

import { InvalidArgumentError, throwIfAborted } from '@inattention/core';
import { Sampler, type SamplingOptions } from '../sampling/sampler.ts';
import type { Session } from '../session.ts';
import { StopSequences } from './stop-sequences.ts';

export interface GenerateOptions extends SamplingOptions {
  /** Tokens to generate at most. Default 256. */
  readonly maxTokens?: number;
  /** Texts that end the generation when they appear; they are not part of the output. */
  readonly stop?: readonly string[];
  /** Ids that end the generation. Default: the configuration's and the tokenizer's end-of-text ids. */
  readonly stopTokens?: readonly number[];
  readonly signal?: AbortSignal;
  /** Continues with this sampler instead of a new one from the sampling options. */
  readonly sampler?: Sampler;
}

/** Why a generation ended. */
export type FinishReason = 'length' | 'stop-token' | 'stop-sequence';

export interface GeneratedToken {
  readonly token: number;
  /** Natural logarithm of the probability it was drawn with. */
  readonly logProbability: number;
  /** Text that became certain with this token (may be empty: half a character, the beginning of a stop sequence). */
  readonly text: string;
  /** Set on the last token. */
  readonly finishReason?: FinishReason;
}

/**
 * Generates after the session's context, which grows by the generated tokens (an end-of-text token is not appended).
 * Throws InvalidArgumentError when the context is empty, AbortedError when cancelled.
 */
export async function* generate(session: Session, options: GenerateOptions = {}): AsyncGenerator<GeneratedToken> {
  const { maxTokens = 256, stop = [], signal } = options;
  if (!Number.isInteger(maxTokens) || maxTokens < 0) {
    throw new InvalidArgumentError({ what: 'maxTokens is a whole number from 0 up.', got: String(maxTokens) });
  }
  const { model } = session;
  if (stop.length > 0 && model.tokenizer === null) {
    throw new InvalidArgumentError({
      what: 'Stop sequences are texts, and this model has no tokenizer.',
      fix: 'use stopTokens',
    });
  }
  const sampler = options.sampler ?? new Sampler(options);
  const ends = new Set(options.stopTokens ?? [...model.config.eosTokenIds, ...(model.tokenizer?.eosTokenIds ?? [])]);
  const decoder = model.tokenizer?.streamDecoder() ?? null;
  const stops = new StopSequences(stop);
  const runOptions = signal === undefined ? {} : { signal };
  for (let count = 1; count <= maxTokens; count += 1) {
    throwIfAborted(signal, 'Generation');
    const logits = await session.nextLogits(runOptions);
    throwIfAborted(signal, 'Generation');
    const { token, logProbability } = sampler.sample(logits, session.tokens);
    if (ends.has(token)) {
      yield { token, logProbability, text: rest(decoder, stops).text, finishReason: 'stop-token' };
      return;
    }
    await session.append([token]);
    const pushed = stops.push(decoder?.push(token) ?? '');
    if (pushed.stopped) {
      yield { token, logProbability, text: pushed.text, finishReason: 'stop-sequence' };
      return;
    }
    if (count === maxTokens) {
      const { text, stopped } = rest(decoder, stops);
      const finishReason = stopped ? 'stop-sequence' : 'length';
      yield { token, logProbability, text: pushed.text + text, finishReason };
      return;
    }
    yield { token, logProbability, text: pushed.text };
  }
}

/** Text still held back when nothing more will come; the end of half a character may complete a stop sequence. */
function rest(
  decoder: { flush(): string } | null,
  stops: StopSequences,
): { readonly text: string; readonly stopped: boolean } {
  const { text, stopped } = stops.push(decoder?.flush() ?? '');
  return { text: stopped ? text : text + stops.flush(), stopped };
}
