/**
 * The page's side: models and sessions that live in a worker, with the same calls as `Model` and `Session`, each a
 * promise. State (length, bytes) is that of the last call.
 */

import { InvalidArgumentError } from '@inattention/core';
import type { ContextDType, ContextMode, ModelConfig } from '@inattention/core/math';
import { type Endpoint, releaseProxy } from 'comlink';
import type { BatchEvent } from '../generation/batch-requests.ts';
import type { GeneratedToken } from '../generation/continuation.ts';
import type { SessionOptions } from '../model.ts';
import type { SavedSession } from '../saved-session.ts';
import type { Content } from '../session.ts';
import type { RunOptions } from '../session-decoder.ts';
import { Connection } from './connection.ts';
import { portable } from './portable.ts';
import {
  type ModelDescription,
  type ModelLocation,
  type RemoteGenerateOptions,
  type RemoteLoadOptions,
  type SessionState,
  unwrap,
} from './protocol.ts';
import { generateBatchRemotely, type WorkerBatchOptions, type WorkerBatchRequest } from './remote-batch.ts';

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

  /**
   * Continues many sessions of this model at once, as `generateBatch` does: events come as tokens do, a request that fails
   * or is cancelled ends with its error while the others go on, leaving the loop or aborting `signal` stops the worker.
   * Requests are a list, or come when they do. Throws what the source of requests throws, and InvalidArgumentError for a
   * session of another connection.
   */
  generateBatch(
    requests: Iterable<WorkerBatchRequest> | AsyncIterable<WorkerBatchRequest>,
    options: WorkerBatchOptions = {},
  ): AsyncGenerator<BatchEvent> {
    return generateBatchRemotely(this.#connection, this.description.handle, requests, options);
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

  /** The session's number on a connection. Throws InvalidArgumentError when it lives at another. */
  handleOn(connection: Connection): number {
    if (connection === this.#connection) return this.#state.handle;
    throw new InvalidArgumentError({
      what: 'A session of another worker cannot be continued in this batch.',
      fix: 'give each worker a batch of its own',
    });
  }

  /** Takes note of the state after a step of a batch. */
  follow(state: SessionState): void {
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

/** Connects to a worker that runs `serveModels`. In Node pass `nodeEndpoint(worker)` of comlink. */
export function connectModels(endpoint: Endpoint): WorkerModels {
  return new WorkerModels(endpoint);
}
