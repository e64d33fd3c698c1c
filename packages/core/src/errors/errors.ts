/** One class per cause of failure. See inattention-error.ts for what they share. */

import { type ErrorDetails, InAttentionError } from './inattention-error.ts';

/** An argument outside its documented domain (a negative count, a fractional id, an unknown option). */
export class InvalidArgumentError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('INVALID_ARGUMENT', details);
  }
}

/** Tensors whose shapes do not fit the operation. */
export class ShapeError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('SHAPE_MISMATCH', details);
  }
}

/** A tensor of a dtype the operation does not take. */
export class DTypeError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('DTYPE_MISMATCH', details);
  }
}

/** Use of a tensor, session or backend after `dispose()`. */
export class DisposedError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('DISPOSED', details);
  }
}

/** The backend cannot provide memory. Nothing was changed. */
export class OutOfMemoryError extends InAttentionError {
  /** Bytes asked for. */
  readonly requestedBytes: number;
  /** Bytes that were still available, as far as the backend knows. */
  readonly availableBytes: number;

  constructor(details: ErrorDetails & { readonly requestedBytes: number; readonly availableBytes: number }) {
    super('OUT_OF_MEMORY', details);
    this.requestedBytes = details.requestedBytes;
    this.availableBytes = details.availableBytes;
  }
}

/** A context or table would exceed the budget its owner set. Nothing was changed. */
export class BudgetExceededError extends InAttentionError {
  /** Bytes that would be needed. */
  readonly requiredBytes: number;
  /** Bytes allowed. */
  readonly budgetBytes: number;

  constructor(details: ErrorDetails & { readonly requiredBytes: number; readonly budgetBytes: number }) {
    super('BUDGET_EXCEEDED', details);
    this.requiredBytes = details.requiredBytes;
    this.budgetBytes = details.budgetBytes;
  }
}

/** Something that this backend, model or mode cannot do, refused by name. */
export class UnsupportedError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('UNSUPPORTED', details);
  }
}

/** A backend that cannot run here (missing adapter, library or instruction set). */
export class BackendUnavailableError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('BACKEND_UNAVAILABLE', details);
  }
}

/** A device that went away while in use. */
export class BackendLostError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('BACKEND_LOST', details);
  }
}

/** A device that refused work it was given (a shader or command it calls invalid): a defect here or in its driver. */
export class BackendFailedError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('BACKEND_FAILED', details);
  }
}

/** A file that is damaged, hostile or not of the format it claims. */
export class InvalidFileError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('INVALID_FILE', details);
  }
}

/** A configuration with missing, contradicting or out-of-range fields. */
export class InvalidConfigError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('INVALID_CONFIG', details);
  }
}

/** NaN or infinity where finite numbers are needed (weights, logits, losses). */
export class NonFiniteError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('NON_FINITE', details);
  }
}

/** A token id that is fractional, negative or not below the vocabulary size. */
export class TokenOutOfRangeError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('TOKEN_OUT_OF_RANGE', details);
  }
}

/** Work that its caller cancelled. `name` is 'AbortError', as in the platform's own APIs. */
export class AbortedError extends InAttentionError {
  constructor(details: ErrorDetails) {
    super('ABORTED', details);
    this.name = 'AbortError';
  }
}

/** Throws {@link AbortedError} when `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) {
    throw new AbortedError({ what: `${what} was cancelled.`, cause: signal.reason });
  }
}
