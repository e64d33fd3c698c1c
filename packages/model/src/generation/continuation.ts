/**
 * One session being continued: what to do with the logits of the next token, up to the end of the generation. Who
 * computes the logits, and of how many sessions at a time, is the caller's business.
 */

import { InvalidArgumentError } from '@inattention/core';
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

export class Continuation {
  readonly session: Session;
  readonly #maxTokens: number;
  readonly #sampler: Sampler;
  readonly #ends: ReadonlySet<number>;
  readonly #stops: StopSequences;
  readonly #decoder: { push(token: number): string; flush(): string } | null;
  #count = 0;
  #finished: boolean;

  /** Throws InvalidArgumentError for options that make no sense. */
  constructor(session: Session, options: GenerateOptions) {
    const { maxTokens = 256, stop = [] } = options;
    if (!Number.isInteger(maxTokens) || maxTokens < 0) {
      throw new InvalidArgumentError({ what: 'maxTokens is a whole number from 0 up.', got: String(maxTokens) });
    }
    const { tokenizer, config } = session.model;
    if (stop.length > 0 && tokenizer === null) {
      throw new InvalidArgumentError({
        what: 'Stop sequences are texts, and this model has no tokenizer.',
        fix: 'use stopTokens',
      });
    }
    this.session = session;
    this.#maxTokens = maxTokens;
    this.#sampler = options.sampler ?? new Sampler(options);
    this.#ends = new Set(options.stopTokens ?? [...config.eosTokenIds, ...(tokenizer?.eosTokenIds ?? [])]);
    this.#decoder = tokenizer?.streamDecoder() ?? null;
    this.#stops = new StopSequences(stop);
    this.#finished = maxTokens === 0;
  }

  /** Whether nothing more will come. */
  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Draws the next token from `logits` [V] and appends it, unless it is an end-of-text token. A token that cannot be
   * appended was not drawn: the same comes again.
   */
  async take(logits: Float32Array): Promise<GeneratedToken> {
    const { random, options } = this.#sampler.state;
    const recent = this.session.lastTokens(options.repetitionWindow);
    const { token, logProbability } = this.#sampler.sample(logits, recent);
    if (this.#ends.has(token)) return this.#last(token, logProbability, this.#rest().text, 'stop-token');
    try {
      await this.session.append([token]);
    } catch (error) {
      this.#sampler.rewind(random);
      throw error;
    }
    this.#count += 1;
    const { text, stopped } = this.#stops.push(this.#decoder?.push(token) ?? '');
    if (stopped) return this.#last(token, logProbability, text, 'stop-sequence');
    if (this.#count < this.#maxTokens) return { token, logProbability, text };
    const rest = this.#rest();
    return this.#last(token, logProbability, text + rest.text, rest.stopped ? 'stop-sequence' : 'length');
  }

  #last(token: number, logProbability: number, text: string, finishReason: FinishReason): GeneratedToken {
    this.#finished = true;
    return { token, logProbability, text, finishReason };
  }

  /** Text still held back when nothing more will come; the end of half a character may complete a stop sequence. */
  #rest(): { readonly text: string; readonly stopped: boolean } {
    const { text, stopped } = this.#stops.push(this.#decoder?.flush() ?? '');
    return { text: stopped ? text : text + this.#stops.flush(), stopped };
  }
}
