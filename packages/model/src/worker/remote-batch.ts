/**
 * A batch that runs in a worker, seen from the page: requests are handed over one by one as the batch has room, events
 * are asked for one by one.
 */

import type { BatchEvent } from '../generation/batch-requests.ts';
import type { SessionOptions } from '../model.ts';
import type { Content } from '../session.ts';
import type { Connection } from './connection.ts';
import { portable } from './portable.ts';
import { deserializeError, type RemoteGenerateOptions, type SessionState, unwrap } from './protocol.ts';

/** What a batch needs of a session in the worker. */
export interface BatchedSession {
  handleOn(connection: Connection): number;
  follow(state: SessionState): void;
}

/** A request as `generateBatch` takes it, of a session in the worker or of a new one that is disposed of at the end. */
export type WorkerBatchRequest = RemoteGenerateOptions & {
  readonly session?: BatchedSession;
  readonly prompt?: Content;
  readonly sessionOptions?: SessionOptions;
  /** Ends this request alone. */
  readonly signal?: AbortSignal;
};

export interface WorkerBatchOptions {
  /** Ends the whole batch with AbortedError. */
  readonly signal?: AbortSignal;
  /** Requests worked on at a time at most. Default 16. */
  readonly maxBatch?: number;
}

/** Events of a batch of `model`. */
export async function* generateBatchRemotely(
  connection: Connection,
  model: number,
  requests: Iterable<WorkerBatchRequest> | AsyncIterable<WorkerBatchRequest>,
  { signal, maxBatch }: WorkerBatchOptions,
): AsyncGenerator<BatchEvent> {
  const { host } = connection;
  const { call, end } = connection.begin(signal);
  let sender: RequestSender | null = null;
  try {
    const batch = unwrap(await host.startBatch(model, maxBatch === undefined ? {} : { maxBatch }, call));
    sender = new RequestSender(connection, batch, requests, () => void host.abort(call));
    for (;;) {
      const outcome = await host.nextBatchEvent(batch);
      if (sender.failure !== null) throw sender.failure.error;
      const event = unwrap(outcome);
      if (event === null) return;
      const { index } = event;
      if ('error' in event) {
        yield { index, error: deserializeError(event.error) };
      } else {
        if (event.state !== null) sender.sessions.get(index)?.follow(event.state);
        yield { index, ...event.token };
      }
    }
  } finally {
    end();
    await sender?.stop();
  }
}

/** Hands requests over in their order, each when the worker has room for it. */
class RequestSender {
  /** Given sessions by the number of their request. */
  readonly sessions = new Map<number, BatchedSession>();
  /** What the source of requests threw. */
  failure: { readonly error: unknown } | null = null;
  readonly #connection: Connection;
  readonly #batch: number;
  readonly #source: AsyncIterator<WorkerBatchRequest>;
  readonly #ends: (() => void)[] = [];
  #asking = false;
  #stopped = false;

  constructor(
    connection: Connection,
    batch: number,
    requests: Iterable<WorkerBatchRequest> | AsyncIterable<WorkerBatchRequest>,
    onFailure: () => void,
  ) {
    this.#connection = connection;
    this.#batch = batch;
    this.#source = each(requests);
    this.#send().catch((error: unknown) => {
      this.failure = { error };
      onFailure();
    });
  }

  /** Ends the batch in the worker. A source that was asked for its next request is not waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const end of this.#ends) end();
    const closed = this.#source.return?.().catch(() => undefined);
    await this.#connection.host.endBatch(this.#batch);
    if (!this.#asking) await closed;
  }

  async #send(): Promise<void> {
    const { host } = this.#connection;
    for (let index = 0; ; index += 1) {
      this.#asking = true;
      const { done, value } = await this.#source.next();
      this.#asking = false;
      if (this.#stopped) return;
      if (done === true) {
        await host.endRequests(this.#batch);
        return;
      }
      await this.#sendOne(index, value);
    }
  }

  async #sendOne(index: number, request: WorkerBatchRequest): Promise<void> {
    const { host } = this.#connection;
    const { session, prompt, signal, ...plain } = request;
    const aborted = signal?.aborted === true;
    const { call, end } = this.#connection.begin(aborted ? undefined : signal);
    this.#ends.push(end);
    if (session !== undefined) this.sessions.set(index, session);
    const remote = {
      ...plain,
      ...(session !== undefined && { session: session.handleOn(this.#connection) }),
      ...(prompt !== undefined && { prompt: portable(prompt) }),
      aborted,
    };
    unwrap(await host.addRequest(this.#batch, remote, call));
  }
}

async function* each(
  requests: Iterable<WorkerBatchRequest> | AsyncIterable<WorkerBatchRequest>,
): AsyncGenerator<WorkerBatchRequest> {
  yield* requests;
}
