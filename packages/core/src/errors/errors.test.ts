import { describe, expect, it } from 'vitest';
import {
  AbortedError,
  BackendLostError,
  BackendUnavailableError,
  BudgetExceededError,
  DisposedError,
  DTypeError,
  InvalidArgumentError,
  InvalidConfigError,
  InvalidFileError,
  NonFiniteError,
  OutOfMemoryError,
  ShapeError,
  TokenOutOfRangeError,
  throwIfAborted,
  UnsupportedError,
} from './errors.ts';
import { InAttentionError } from './inattention-error.ts';

const classes = {
  INVALID_ARGUMENT: InvalidArgumentError,
  SHAPE_MISMATCH: ShapeError,
  DTYPE_MISMATCH: DTypeError,
  DISPOSED: DisposedError,
  UNSUPPORTED: UnsupportedError,
  BACKEND_UNAVAILABLE: BackendUnavailableError,
  BACKEND_LOST: BackendLostError,
  INVALID_FILE: InvalidFileError,
  INVALID_CONFIG: InvalidConfigError,
  NON_FINITE: NonFiniteError,
  TOKEN_OUT_OF_RANGE: TokenOutOfRangeError,
};

describe.each(Object.entries(classes))('%s', (code, ErrorClass) => {
  it('says what happened, what was got, what was expected and how to fix it', () => {
    const cause = new TypeError('inner');
    const error = new ErrorClass({ what: 'It broke.', got: 'this', expected: 'that', fix: 'mend it', cause });
    expect(error.message).toBe('It broke. Got: this. Expected: that. To fix: mend it.');
    expect(error).toMatchObject({ code, name: ErrorClass.name, what: 'It broke.', got: 'this', cause });
    expect(error).toBeInstanceOf(InAttentionError);
    expect(error).toBeInstanceOf(Error);
    expect(InAttentionError.isInstance(error)).toBe(true);
    expect(InAttentionError.isInstance(error, error.code)).toBe(true);
    expect(InAttentionError.isInstance(error, 'ABORTED')).toBe(false);
  });
});

it('leaves out what is not known', () => {
  const error = new ShapeError({ what: 'It broke.' });
  expect(error.message).toBe('It broke.');
  expect('cause' in error).toBe(false);
});

it('carries bytes where memory is short', () => {
  const memory = new OutOfMemoryError({ what: 'Full.', requestedBytes: 10, availableBytes: 4 });
  expect(memory).toMatchObject({ code: 'OUT_OF_MEMORY', requestedBytes: 10, availableBytes: 4 });
  const budget = new BudgetExceededError({ what: 'Too much.', requiredBytes: 10, budgetBytes: 4 });
  expect(budget).toMatchObject({ code: 'BUDGET_EXCEEDED', requiredBytes: 10, budgetBytes: 4 });
});

it('is recognised across duplicate installs by its marker, not by its class', () => {
  const foreign = Object.defineProperty(new Error('other copy'), Symbol.for('inattention.error'), { value: true });
  expect(foreign).not.toBeInstanceOf(InAttentionError);
  expect(InAttentionError.isInstance(foreign)).toBe(true);
  for (const other of [new Error('plain'), null, undefined, 'ABORTED', 3]) {
    expect(InAttentionError.isInstance(other)).toBe(false);
  }
});

it('throws when a signal is aborted, with its reason, under the platform’s name', () => {
  const controller = new AbortController();
  throwIfAborted(undefined, 'Loading');
  throwIfAborted(controller.signal, 'Loading');
  controller.abort('enough');
  const run = () => throwIfAborted(controller.signal, 'Loading');
  expect(run).toThrow(AbortedError);
  expect(run).toThrow(expect.objectContaining({ name: 'AbortError', code: 'ABORTED', cause: 'enough' }));
  expect(run).toThrow(/^Loading was cancelled\.$/);
});
