/** What `generateBatch` is asked for and what it answers. */

import type { SessionOptions } from '../model.ts';
import type { Content, Session } from '../session.ts';
import type { GeneratedToken, GenerateOptions } from './continuation.ts';

/** A generation of its own: sampling, seed, stops, limit and signal are this request's. */
export interface BatchRequest extends GenerateOptions {
  /** The session to continue; nobody else may use it meanwhile. Default: a new one, disposed of at the end. */
  readonly session?: Session;
  /** Appended first. */
  readonly prompt?: Content;
  /** How a new session is made. */
  readonly sessionOptions?: SessionOptions;
}

/** A token of request number `index` (0, 1, … in the order they came). */
export interface BatchToken extends GeneratedToken {
  readonly index: number;
}

/** The end of a request that failed or was cancelled; the others go on. */
export interface BatchFailure {
  readonly index: number;
  /** InvalidArgumentError, AbortedError, BudgetExceededError, … as `generate` would have thrown. */
  readonly error: unknown;
}

export type BatchEvent = BatchToken | BatchFailure;
