/**
 * Where requests come into a batch: they are taken from their source while there is room, get their sessions, append
 * their prompts and prefill, all beside the steps of those that are in the batch already.
 */

import { InvalidArgumentError } from '@inattention/core';
import type { Model } from '../model.ts';
import type { Session } from '../session.ts';
import type { BatchFailure, BatchRequest } from './batch-requests.ts';
import { Continuation } from './continuation.ts';

/** A request in the batch. */
export interface BatchMember {
  readonly index: number;
  readonly continuation: Continuation;
  readonly signal: AbortSignal | undefined;
  /** Gives the session back, or disposes of it if it was made for the request. */
  leave(): void;
}

export class BatchEntrance {
  readonly #model: Model;
  readonly #source: AsyncIterator<BatchRequest>;
  /** Aborted when the batch ends. */
  readonly #closing = new AbortController();
  readonly #joining = new Set<Promise<void>>();
  readonly #sessions = new Set<Session>();
  #arrived: (BatchMember | BatchFailure)[] = [];
  /** Requests that may be taken from the source now. */
  #room = 0;
  #index = 0;
  #asking = false;
  #ended = false;
  #failure: { readonly error: unknown } | null = null;
  #wake: () => void = () => undefined;

  constructor(model: Model, requests: Iterable<BatchRequest> | AsyncIterable<BatchRequest>) {
    this.#model = model;
    this.#source = each(requests);
  }

  /** Whether a request could still come in. */
  get open(): boolean {
    return !this.#ended || this.#joining.size > 0 || this.#arrived.length > 0;
  }

  /** Lets in as many requests as make `count` with those on their way. */
  admit(count: number): void {
    this.#room = count - this.#joining.size - this.#arrived.length;
    this.#ask();
  }

  /** Those that came in, and those that failed on the way. Throws what the source of requests threw. */
  take(): readonly (BatchMember | BatchFailure)[] {
    if (this.#failure !== null) throw this.#failure.error;
    const arrived = this.#arrived;
    this.#arrived = [];
    return arrived;
  }

  /** Until something has come in, failed or ended, or `signal` aborts. */
  async change(signal: AbortSignal | undefined): Promise<void> {
    if (this.#arrived.length > 0 || this.#failure !== null || !this.open || signal?.aborted === true) return;
    const changed = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const wake = () => this.#wake();
    signal?.addEventListener('abort', wake);
    await changed;
    signal?.removeEventListener('abort', wake);
  }

  /** Lets nothing more in; what is on its way turns back. */
  async close(): Promise<void> {
    this.#closing.abort();
    // A source asked for its next request ends when that has come; it is not waited for.
    const closed = this.#source.return?.().catch(() => undefined);
    if (!this.#asking) await closed;
    this.#ended = true;
    await Promise.all(this.#joining);
    for (const arrived of this.#arrived) if ('leave' in arrived) arrived.leave();
    this.#arrived = [];
  }

  #ask(): void {
    if (this.#asking || this.#ended || this.#room <= 0 || this.#closing.signal.aborted) return;
    this.#asking = true;
    const answered = this.#source.next().then(
      ({ done, value }) => {
        if (this.#closing.signal.aborted) return;
        if (done === true) this.#ended = true;
        else this.#start(value);
      },
      (error: unknown) => {
        this.#ended = true;
        this.#failure = { error };
      },
    );
    answered.then(() => {
      this.#asking = false;
      this.#ask();
      this.#wake();
    });
  }

  #start(request: BatchRequest): void {
    const index = this.#index;
    this.#index += 1;
    this.#room -= 1;
    const joining = this.#join(index, request).then(
      (member) => {
        this.#arrived.push(member);
      },
      (error: unknown) => {
        this.#arrived.push({ index, error });
      },
    );
    this.#joining.add(joining);
    joining.then(() => {
      this.#joining.delete(joining);
      this.#wake();
    });
  }

  async #join(index: number, request: BatchRequest): Promise<BatchMember> {
    const { prompt, signal } = request;
    const closing = this.#closing.signal;
    const options = { signal: signal === undefined ? closing : AbortSignal.any([closing, signal]) };
    const { session, leave } = this.#sessionOf(request);
    try {
      const continuation = new Continuation(session, request);
      if (prompt !== undefined) await session.append(prompt, options);
      if (!continuation.finished) await session.prefill(options);
      return { index, continuation, signal, leave };
    } catch (error) {
      leave();
      throw error;
    }
  }

  #sessionOf({ session, sessionOptions }: BatchRequest): { readonly session: Session; leave(): void } {
    if (session === undefined) {
      const made = this.#model.createSession(sessionOptions);
      return { session: made, leave: () => made.dispose() };
    }
    if (session.model !== this.#model || this.#sessions.has(session)) {
      throw new InvalidArgumentError({
        what: 'A session cannot be continued in this batch.',
        got: session.model === this.#model ? 'one that another request is continuing' : 'one of another model',
        fix: 'fork a session that is to be continued twice; give each model a batch of its own',
      });
    }
    this.#sessions.add(session);
    return { session, leave: () => this.#sessions.delete(session) };
  }
}

async function* each(requests: Iterable<BatchRequest> | AsyncIterable<BatchRequest>): AsyncGenerator<BatchRequest> {
  yield* requests;
}
