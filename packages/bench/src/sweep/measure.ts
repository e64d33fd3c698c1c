/**
 * One measurement of one variant at one length: bytes, decode steps, and the first token cold (empty table), revisited
 * (a table that has every id of the text) and warm (a table that has another document's).
 */

import { InAttentionError } from '@inattention/core';
import { type ContextDType, type ContextMode, weightBytes } from '@inattention/core/math';
import type { Model, Progress, RunOptions, Session } from '@inattention/model';
import type { StepProfile, Variant } from '../result.ts';
import { profileStep } from './decode-profile.ts';

export interface MeasureOptions {
  readonly variant: Variant;
  readonly dtype: ContextDType;
  /** The text; tokens after `length` are decoded as if generated. */
  readonly text: Int32Array;
  /** Another document, that fills the table for the warm measurement. */
  readonly warmUp: Int32Array;
  readonly length: number;
  /** Decode steps at most. */
  readonly decodeSteps: number;
  /** Milliseconds after which no further decode step is begun. */
  readonly decodeTime: number;
  readonly signal?: AbortSignal | undefined;
  /** Told what is being done, and how much of it is. */
  readonly onStep?: ((what: string, share?: number) => void) | undefined;
}

export interface Measurement {
  readonly contextBytes: number;
  readonly tableBytes: number;
  readonly peakBytes: number;
  readonly coldMs: number;
  readonly warmMs: number | null;
  /** Why there is no warm figure although there is a table: there was no room for both documents' ids. */
  readonly warmRefused?: string;
  /** Empty where there is no table. */
  readonly revisitedMs: readonly number[];
  readonly decodeMs: readonly number[];
  /** One more step after those, by kernel; null where the backend does not tell. */
  readonly decodeProfile: StepProfile | null;
  readonly logits: Float32Array;
}

/** Revisits of one measurement at most: each takes about as long as a decode step. */
const revisits = 4;

/** Whether an error says that something does not fit; the session is then as it was before. */
export function isRefusal(error: unknown): error is InAttentionError {
  return InAttentionError.isInstance(error, 'OUT_OF_MEMORY') || InAttentionError.isInstance(error, 'BUDGET_EXCEEDED');
}

/** Measures with an empty table, and leaves no session behind. The model's tables are emptied first. */
export async function measure(model: Model, options: MeasureOptions): Promise<Measurement> {
  const { variant } = options;
  const { ledger } = model.backend;
  const mode: ContextMode = variant === 'self' ? 'kv' : variant;
  model.contextModel.invalidate();
  ledger.resetPeak();
  const before = ledger.snapshot().liveTotal;
  using session = model.createSession({ context: mode, dtype: options.dtype });
  const { ms: coldMs, logits } = await firstToken(session, options, 'first token');
  const { contextBytes, tableBytes } = session;
  const decodeMs = await decode(session, options);
  const decodeProfile = await profileStep(model.backend, () => decodeOnce(session, options, 0));
  const peakBytes = weightBytes(model.config, model.weightDType) + ledger.snapshot().peakLive - before;
  session.dispose();
  // In this order: the table still has the text's rows.
  const revisitedMs = variant === 'tables' ? await measureRevisited(model, options) : [];
  const warm = variant === 'tables' ? await measureWarm(model, options) : { warmMs: null };
  return { contextBytes, tableBytes, peakBytes, coldMs, ...warm, revisitedMs, decodeMs, decodeProfile, logits };
}

/** The first token of the text in new sessions when the table, kept, has every id of it: about a decode step each. */
async function measureRevisited(model: Model, options: MeasureOptions): Promise<number[]> {
  const times: number[] = [];
  const begin = performance.now();
  for (let visit = 0; visit < revisits; visit += 1) {
    if (visit > 0 && performance.now() - begin > options.decodeTime) break;
    using session = model.createSession({ context: 'tables', dtype: options.dtype });
    times.push((await firstToken(session, options, 'first token, revisited')).ms);
  }
  return times;
}

/** The first token of the text when the table has served another document. */
async function measureWarm(
  model: Model,
  options: MeasureOptions,
): Promise<Pick<Measurement, 'warmMs' | 'warmRefused'>> {
  const { warmUp, dtype } = options;
  model.contextModel.invalidate();
  try {
    using other = model.createSession({ context: 'tables', dtype });
    await other.append(warmUp, runOptions(options, 'warming the table'));
    using session = model.createSession({ context: 'tables', dtype });
    return { warmMs: (await firstToken(session, options, 'first token, warm')).ms };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { warmMs: null, warmRefused: error.message };
  }
}

/** Appends the text to an empty session and computes the logits after it. */
async function firstToken(session: Session, options: MeasureOptions, what: string) {
  const run = runOptions(options, what);
  const start = performance.now();
  await session.append(options.text.subarray(0, options.length), run);
  const logits = await session.nextLogits(run);
  return { ms: performance.now() - start, logits };
}

async function decode(session: Session, options: MeasureOptions): Promise<number[]> {
  const { decodeSteps, decodeTime } = options;
  const times: number[] = [];
  const begin = performance.now();
  for (let step = 0; step < decodeSteps; step += 1) {
    if (step > 0 && performance.now() - begin > decodeTime) break;
    options.onStep?.('decoding', step / decodeSteps);
    const start = performance.now();
    await decodeOnce(session, options, step);
    times.push(performance.now() - start);
  }
  return times;
}

/** Takes in the token that follows the text after `step` others, and computes the logits after it. */
async function decodeOnce(session: Session, { text, length, signal }: MeasureOptions, step: number): Promise<void> {
  await session.append(text.subarray(length + step, length + step + 1), { signal });
  await session.nextLogits({ signal });
}

function runOptions({ signal, onStep }: MeasureOptions, what: string): RunOptions {
  onStep?.(what);
  if (onStep === undefined) return { signal };
  return { signal, onProgress: ({ done, total }: Progress) => onStep(what, done / total) };
}
