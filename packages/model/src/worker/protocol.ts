/**
 * What crosses between a page and a worker: handles, plain data, and errors that keep their code and cure. Transport is
 * comlink's (docs/decisions).
 */

import { type ErrorCode, InAttentionError } from '@inattention/core';
import type { ContextDType, ContextMode, ModelConfig, WeightDType } from '@inattention/core/math';
import type { GeneratedToken } from '../generation/continuation.ts';
import type { LoadOptions } from '../load-model.ts';
import type { SessionOptions } from '../model.ts';
import type { Progress } from '../progress.ts';
import type { SamplingOptions } from '../sampling/sampler.ts';
import type { SavedSession } from '../saved-session.ts';

/** Where a worker finds a model. */
export type ModelLocation =
  | { readonly url: string; readonly headers?: Readonly<Record<string, string>> }
  /** Files by name, each at an address of its own. */
  | { readonly urls: Readonly<Record<string, string>> }
  | { readonly files: readonly File[] }
  | { readonly bytes: ReadonlyMap<string, Uint8Array> };

/** Of `LoadOptions`, what crosses as plain data. */
export type RemoteLoadOptions = Pick<LoadOptions, 'tableBudget' | 'weightDType'>;

/** A model in a worker. */
export interface ModelDescription {
  readonly handle: number;
  readonly config: ModelConfig;
  readonly weightDType: WeightDType;
  readonly tokenizerName: string | null;
  readonly fingerprint: string;
  readonly backend: string;
  readonly device: string;
  /** Why this backend was chosen. */
  readonly reason: string;
}

/** A session's state as of the last call. */
export interface SessionState {
  readonly handle: number;
  readonly mode: ContextMode;
  readonly dtype: ContextDType;
  readonly length: number;
  readonly contextBytes: number;
  readonly tableBytes: number;
  readonly hostBytes: number;
}

/** The state of a session that the other side knows as `handle`. */
export function sessionState(handle: number, session: Omit<SessionState, 'handle'>): SessionState {
  const { mode, dtype, length, contextBytes, tableBytes, hostBytes } = session;
  return { handle, mode, dtype, length, contextBytes, tableBytes, hostBytes };
}

/** Told of progress; an argument of its own, since comlink proxies functions only there. */
export type OnProgress = ((progress: Progress) => void) | undefined;

export type RemoteGenerateOptions = SamplingOptions & {
  readonly maxTokens?: number;
  readonly stop?: readonly string[];
  readonly stopTokens?: readonly number[];
};

/** A request of a batch; `session` is the handle of the session to continue. */
type RemoteBatchRequest = RemoteGenerateOptions & {
  readonly session?: number;
  readonly prompt?: string | Int32Array;
  readonly sessionOptions?: SessionOptions;
  /** Whether its signal was aborted before it was sent. */
  readonly aborted: boolean;
};

/** A token of a batch with the state of the session that was given for it, or why a request ended. */
export type RemoteBatchEvent =
  | { readonly index: number; readonly token: GeneratedToken; readonly state: SessionState | null }
  | { readonly index: number; readonly error: SerializedError };

/** The worker's side: `call` numbers a call for `abort`. As comlink exposes it. Every method resolves to an `Outcome`, so that errors arrive whole. */
export interface ModelHost {
  abort(call: number): void;
  loadModel(
    location: ModelLocation,
    options: RemoteLoadOptions,
    call: number,
    onProgress: OnProgress,
  ): Promise<Outcome<ModelDescription>>;
  encode(model: number, text: string): Promise<Outcome<Int32Array>>;
  decode(model: number, ids: Int32Array): Promise<Outcome<string>>;
  decodeEach(model: number, ids: Int32Array): Promise<Outcome<string[]>>;
  createSession(model: number, options: SessionOptions): Promise<Outcome<SessionState>>;
  restoreSession(
    model: number,
    saved: SavedSession,
    call: number,
    onProgress: OnProgress,
  ): Promise<Outcome<SessionState>>;
  /** Continues on another backend when the session's was lost. */
  recover(session: number, call: number, onProgress: OnProgress): Promise<Outcome<SessionState>>;
  append(
    session: number,
    content: string | Int32Array,
    call: number,
    onProgress: OnProgress,
  ): Promise<Outcome<SessionState>>;
  replace(
    session: number,
    position: number,
    count: number,
    content: string | Int32Array,
  ): Promise<Outcome<SessionState>>;
  fork(session: number): Promise<Outcome<SessionState>>;
  save(session: number): Promise<Outcome<SavedSession>>;
  logitsAt(
    session: number,
    positions: Int32Array,
    call: number,
    onProgress: OnProgress,
  ): Promise<Outcome<Float32Array[]>>;
  attentionWeights(session: number, layer: number, position: number): Promise<Outcome<Float32Array[]>>;
  startGeneration(session: number, options: RemoteGenerateOptions, call: number): Promise<Outcome<number>>;
  /** The next token with the session's state after it; null at the end. */
  nextToken(generation: number): Promise<Outcome<{ token: GeneratedToken; state: SessionState } | null>>;
  endGeneration(generation: number): Promise<Outcome<void>>;
  startBatch(model: number, options: { readonly maxBatch?: number }, call: number): Promise<Outcome<number>>;
  /** Resolves when the batch has room for the request and has taken it. */
  addRequest(batch: number, request: RemoteBatchRequest, call: number): Promise<Outcome<void>>;
  /** No more requests will be added. */
  endRequests(batch: number): Promise<Outcome<void>>;
  /** Null at the end. */
  nextBatchEvent(batch: number): Promise<Outcome<RemoteBatchEvent | null>>;
  endBatch(batch: number): Promise<Outcome<void>>;
  disposeSession(session: number): Promise<Outcome<void>>;
  disposeModel(model: number): Promise<Outcome<void>>;
}

export type Outcome<T> = { readonly value: T } | { readonly error: SerializedError };

export interface SerializedError {
  readonly name: string;
  readonly message: string;
  /** Set for this project's own errors. */
  readonly code?: ErrorCode;
  readonly what?: string;
  readonly got?: string;
  readonly expected?: string;
  readonly fix?: string;
}

/** Runs a call on the worker's side. */
export async function outcomeOf<T>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: serializeError(error) };
  }
}

/** The value of a call on the caller's side; throws what the worker threw. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if ('value' in outcome) return outcome.value;
  throw deserializeError(outcome.error);
}

/** The error that the worker threw. */
export function deserializeError(serialized: SerializedError): Error {
  const { code, what, got, expected, fix, name, message } = serialized;
  if (code === undefined || what === undefined) return Object.assign(new Error(message), { name });
  const error = new InAttentionError(code, {
    what,
    ...(got !== undefined && { got }),
    ...(expected !== undefined && { expected }),
    ...(fix !== undefined && { fix }),
  });
  error.name = name;
  return error;
}

export function serializeError(error: unknown): SerializedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message } = error;
  if (!InAttentionError.isInstance(error)) return { name, message };
  const { code, what, got, expected, fix } = error;
  return {
    name,
    message,
    code,
    what,
    ...(got !== undefined && { got }),
    ...(expected !== undefined && { expected }),
    ...(fix !== undefined && { fix }),
  };
}
