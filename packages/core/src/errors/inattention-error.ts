/**
 * The base of every error this project throws on purpose.
 *
 * Each error says what was got, what was expected and how to fix it. Errors are recognised by a marker symbol
 * from the global registry, so `InAttentionError.isInstance` works when two copies of core are installed.
 */

const marker = Symbol.for('inattention.error');

/** The stable, machine-readable cause of an error. */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'SHAPE_MISMATCH'
  | 'DTYPE_MISMATCH'
  | 'DISPOSED'
  | 'OUT_OF_MEMORY'
  | 'BUDGET_EXCEEDED'
  | 'UNSUPPORTED'
  | 'BACKEND_UNAVAILABLE'
  | 'BACKEND_LOST'
  | 'BACKEND_FAILED'
  | 'INVALID_FILE'
  | 'INVALID_CONFIG'
  | 'NON_FINITE'
  | 'TOKEN_OUT_OF_RANGE'
  | 'ABORTED';

/** What an error is made of; `message` is assembled from it. */
export interface ErrorDetails {
  /** One sentence: what went wrong, where. */
  readonly what: string;
  /** What was found. */
  readonly got?: string;
  /** What would have been accepted. */
  readonly expected?: string;
  /** What the caller can do about it. */
  readonly fix?: string;
  readonly cause?: unknown;
}

function assemble({ what, got, expected, fix }: ErrorDetails): string {
  const parts = [what];
  if (got !== undefined) parts.push(`Got: ${got}.`);
  if (expected !== undefined) parts.push(`Expected: ${expected}.`);
  if (fix !== undefined) parts.push(`To fix: ${fix}.`);
  return parts.join(' ');
}

/** Base class: an error with a `code`, and with what was got, expected and how to fix it. */
export class InAttentionError extends Error {
  readonly code: ErrorCode;
  readonly what: string;
  readonly got: string | undefined;
  readonly expected: string | undefined;
  readonly fix: string | undefined;

  constructor(code: ErrorCode, details: ErrorDetails) {
    super(assemble(details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.what = details.what;
    this.got = details.got;
    this.expected = details.expected;
    this.fix = details.fix;
    Object.defineProperty(this, marker, { value: true });
  }

  /** True for errors of this family, also from another installed copy; with `code`, only for that cause. */
  static isInstance(value: unknown, code?: ErrorCode): value is InAttentionError {
    if (typeof value !== 'object' || value === null || !(marker in value)) return false;
    return code === undefined || (value as { code?: unknown }).code === code;
  }
}
