/** One measurement of one variant at one length: bytes, first token cold and warm, decode steps. */

import { type ContextDType, type ContextMode, contextBytes } from '@inattention/core/math';
import type { Model, Session } from '@inattention/model';
import type { Variant } from '../result.ts';

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
}

export interface Measurement {
  readonly contextBytes: number;
  readonly tableBytes: number;
  readonly peakBytes: number;
  readonly coldMs: number;
  readonly warmMs: number | null;
  readonly decodeMs: readonly number[];
  readonly logits: Float32Array;
}

/** Measures with an empty table, and leaves no session behind. The model's tables are emptied first. */
export async function measure(model: Model, options: MeasureOptions): Promise<Measurement> {
  const { variant, text, warmUp, length, signal } = options;
  const { ledger } = model.backend;
  const run = signal === undefined ? {} : { signal };
  const mode: ContextMode = variant === 'self' ? 'kv' : variant;
  model.contextModel.invalidate();
  ledger.resetPeak();
  const before = ledger.snapshot();
  const ownWeights = weightsOf(model);
  const start = performance.now();
  using session = model.createSession({ context: mode, dtype: options.dtype });
  await session.append(text.subarray(0, length), run);
  const logits = await session.nextLogits(run);
  const coldMs = performance.now() - start;
  const { contextBytes: bytes, tableBytes } = session;
  const decodeMs = await decode(session, options);
  const peakBytes = ownWeights + ledger.snapshot().peakLive - before.liveTotal;
  session.dispose();
  const warmMs = variant === 'tables' ? await measureWarm(model, options, warmUp) : null;
  return { contextBytes: bytes, tableBytes, peakBytes, coldMs, warmMs, decodeMs, logits };
}

/** The first token of the text when the table has served another document of the same length. */
async function measureWarm(model: Model, { text, length, dtype, signal }: MeasureOptions, warmUp: Int32Array) {
  const run = signal === undefined ? {} : { signal };
  model.contextModel.invalidate();
  using other = model.createSession({ context: 'tables', dtype });
  await other.append(warmUp.subarray(0, length), run);
  const start = performance.now();
  using session = model.createSession({ context: 'tables', dtype });
  await session.append(text.subarray(0, length), run);
  await session.nextLogits(run);
  return performance.now() - start;
}

async function decode(session: Session, { text, length, decodeSteps, decodeTime, signal }: MeasureOptions) {
  const run = signal === undefined ? {} : { signal };
  const times: number[] = [];
  const begin = performance.now();
  for (let step = 0; step < decodeSteps; step += 1) {
    if (step > 0 && performance.now() - begin > decodeTime) break;
    const start = performance.now();
    await session.append(text.subarray(length + step, length + step + 1), run);
    await session.nextLogits(run);
    times.push(performance.now() - start);
  }
  return times;
}

/** Device bytes of one model's weights. */
function weightsOf(model: Model): number {
  return model.plan({ tokens: 0 }).rows[0]?.weightBytes ?? 0;
}

/** Device bytes that a variant's context would take, for rows that are not run. */
export function predictedContextBytes(model: Model, variant: Variant, tokens: number, dtype: ContextDType): number {
  return contextBytes(model.config, variant === 'self' ? 'kv' : variant, tokens, dtype);
}
