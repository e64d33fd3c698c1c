/**
 * The page's side: models and sessions that live in a worker, with the same calls as `Model` and `Session`, each a
 * promise. State (length, bytes) is that of the last call.
 */

import { throwIfAborted } from '@inattention/core';
import type { ContextDType, ContextMode, ModelConfig } from '@inattention/core/math';
import { type Endpoint, proxy, type Remote, releaseProxy, wrap } from 'comlink';
import type { GeneratedToken } from '../generation/continuation.ts';
import type { SessionOptions } from '../model.ts';
import type { SavedSession } from '../saved-session.ts';
import type { Content } from '../session.ts';
import type { RunOptions } from '../session-decoder.ts';
import {
  type ModelDescription,
  type ModelHost,
  type ModelLocation,
  type OnProgress,
  type Outcome,
  type RemoteGenerateOptions,
  type RemoteLoadOptions,
  type SessionState,
  unwrap,
} from './protocol.ts';

/** Calls to the worker, numbered so that they can be cancelled. */
class Connection {
  readonly host: Remote<ModelHost>;
  #nextCall = 1;

  constructor(endpoint: Endpoint) {
    this.host = wrap<ModelHost>(endpoint);
  }

  /** A call's number; aborting `signal` until `end()` cancels it. */
  begin(signal: AbortSignal | undefined): { readonly call: number; readonly end: () => void } {
    throwIfAborted(signal, 'The call');
    const call = this.#nextCall++;
    const abort = (): void => void this.host.abort(call);
    signal?.addEventListener('abort', abort, { once: true });
    return { call, end: () => signal?.removeEventListener('abort', abort) };
  }

  async cancellable<T>(
    options: RunOptions,
    work: (call: number, onProgress: OnProgress) => Promise<Outcome<T>>,
  ): Promise<T> {
    const { call, end } = this.begin(options.signal);
    try {
      const { onProgress } = options;
      return unwrap(await work(call, onProgress && proxy(onProgress)));
    } finally {
      end();
    }
  }
}

export class WorkerModels {
  readonly #connection: Connection;

  constructor(endpoint: Endpoint) {
    this.#connection = new Connection(endpoint);
  }

  /** Loads a model in the worker. */
  async load(location: ModelLocation, options: RemoteLoadOptions & RunOptions = {}): Promise<WorkerModel> {
    const { host } = this.#connection;
    const { tableBudget, weightDType } = options;
    const plain = {
      ...(tableBudget !== undefined && { tableBudget }),
      ...(weightDType !== undefined && { weightDType }),
    };
    const description = await this.#connection.cancellable(options, (call, onProgress) =>
      host.loadModel(location, plain, call, onProgress),
    );
    return new WorkerModel(this.#connection, description);
  }

  /** Ends the connection; the worker itself is the caller's to terminate. */
  close(): void {
    this.#connection.host[releaseProxy]();
  }
}

export class WorkerModel {
  readonly #connection: Connection;
  readonly description: ModelDescription;

  constructor(connection: Connection, description: ModelDescription) {
    this.#connection = connection;
    this.description = description;
  }

  get config(): ModelConfig {
    return this.description.config;
  }

  async encode(text: string): Promise<Int32Array> {
    return unwrap(await this.#connection.host.encode(this.description.handle, text));
  }

  async decode(ids: Int32Array): Promise<string> {
    return unwrap(await this.#connection.host.decode(this.description.handle, ids));
  }

  /** The text of each id by itself; bytes that are only part of a character become U+FFFD. */
  async decodeEach(ids: Int32Array): Promise<string[]> {
    return unwrap(await this.#connection.host.decodeEach(this.description.handle, ids));
  }

  async createSession(options: SessionOptions = {}): Promise<WorkerSession> {
    const state = unwrap(await this.#connection.host.createSession(this.description.handle, options));
    return new WorkerSession(this.#connection, state);
  }

  async restoreSession(saved: SavedSession, options: RunOptions = {}): Promise<WorkerSession> {
    const { host } = this.#connection;
    const { handle } = this.description;
    const state = await this.#connection.cancellable(options, (call, onProgress) =>
      host.restoreSession(handle, saved, call, onProgress),
    );
    return new WorkerSession(this.#connection, state);
  }

  async dispose(): Promise<void> {
    unwrap(await this.#connection.host.disposeModel(this.description.handle));
  }
}

export class WorkerSession {
  readonly #connection: Connection;
  #state: SessionState;

  constructor(connection: Connection, state: SessionState) {
    this.#connection = connection;
    this.#state = state;
  }

  get mode(): ContextMode {
    return this.#state.mode;
  }

  get dtype(): ContextDType {
    return this.#state.dtype;
  }

  get length(): number {
    return this.#state.length;
  }

  get contextBytes(): number {
    return this.#state.contextBytes;
  }

  get tableBytes(): number {
    return this.#state.tableBytes;
  }

  get hostBytes(): number {
    return this.#state.hostBytes;
  }

  /**
   * Continues on another backend after a call failed with BackendLostError: the worker chooses one among its candidates
   * and makes the context again from its ids. Generations do so by themselves.
   */
  async recover(options: RunOptions = {}): Promise<void> {
    const { host } = this.#connection;
    this.#state = await this.#connection.cancellable(options, (call, onProgress) =>
      host.recover(this.#state.handle, call, onProgress),
    );
  }

  async append(content: Content, options: RunOptions = {}): Promise<void> {
    const { host } = this.#connection;
    this.#state = await this.#connection.cancellable(options, (call, onProgress) =>
      host.append(this.#state.handle, portable(content), call, onProgress),
    );
  }

  insert(position: number, content: Content): Promise<void> {
    return this.replace(position, 0, content);
  }

  remove(position: number, count: number): Promise<void> {
    return this.replace(position, count, []);
  }

  async replace(position: number, count: number, content: Content): Promise<void> {
    const { host } = this.#connection;
    this.#state = unwrap(await host.replace(this.#state.handle, position, count, portable(content)));
  }

  async fork(): Promise<WorkerSession> {
    return new WorkerSession(this.#connection, unwrap(await this.#connection.host.fork(this.#state.handle)));
  }

  async save(): Promise<SavedSession> {
    return unwrap(await this.#connection.host.save(this.#state.handle));
  }

  async nextLogits(options: RunOptions = {}): Promise<Float32Array> {
    const [logits] = await this.logitsAt([this.length - 1], options);
    return logits as Float32Array;
  }

  logitsAt(positions: readonly number[] | Int32Array, options: RunOptions = {}): Promise<Float32Array[]> {
    const { host } = this.#connection;
    return this.#connection.cancellable(options, (call, onProgress) =>
      host.logitsAt(this.#state.handle, Int32Array.from(positions), call, onProgress),
    );
  }

  async attentionWeights(layer: number, position = this.length - 1): Promise<Float32Array[]> {
    return unwrap(await this.#connection.host.attentionWeights(this.#state.handle, layer, position));
  }

  /** Generates as `generate` does; leaving the loop or aborting stops the worker. */
  async *generate(
    options: RemoteGenerateOptions & { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<GeneratedToken> {
    const { signal, ...rest } = options;
    const { host } = this.#connection;
    const { call, end } = this.#connection.begin(signal);
    let generation: number | null = null;
    try {
      generation = unwrap(await host.startGeneration(this.#state.handle, rest, call));
      for (;;) {
        const next = unwrap(await host.nextToken(generation));
        if (next === null) return;
        this.#state = next.state;
        yield next.token;
      }
    } finally {
      end();
      if (generation !== null) await host.endGeneration(generation);
    }
  }

  async dispose(): Promise<void> {
    unwrap(await this.#connection.host.disposeSession(this.#state.handle));
  }
}

/** Content as it can cross: text, or an Int32Array (whose values the worker checks). */
function portable(content: Content): string | Int32Array {
  return typeof content === 'string' ? content : checkedCopy(content);
}

/** Fractional or huge ids must not become other ids on their way: they are sent as −1, which no vocabulary has. */
function checkedCopy(ids: Int32Array | readonly number[]): Int32Array {
  return Int32Array.from(ids, (id) => (id === (id | 0) ? id : -1));
}

/** Connects to a worker that runs `serveModels`. In Node pass `nodeEndpoint(worker)` of comlink. */
export function connectModels(endpoint: Endpoint): WorkerModels {
  return new WorkerModels(endpoint);
}
