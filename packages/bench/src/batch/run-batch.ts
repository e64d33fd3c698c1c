/**
 * Many sessions of one model, each on its own stretch of a text: bytes against the plan, and decode throughput by batch
 * size. Stretches begin `stride` ids apart and may overlap; sessions share nothing but weights and the table.
 */

import { type Backend, InAttentionError, throwIfAborted } from '@inattention/core';
import { type ContextDType, type ContextMode, contextModes, plan, type WeightDType } from '@inattention/core/math';
import { createModel, type Model, Session } from '@inattention/model';
import { configOf, type Shape } from '../shapes.ts';
import { median } from '../statistics.ts';
import type { SweepDocument } from '../sweep/sweep.ts';
import { type BatchBytes, type BatchResult, type BatchRow, batchResultSchema } from './batch-result.ts';

export interface BatchBenchOptions {
  readonly backend: Backend;
  readonly shape: Shape;
  readonly mode: ContextMode;
  readonly dtype: ContextDType;
  readonly weightDType: WeightDType;
  readonly window: number;
  readonly sessions: number;
  readonly tokens: number;
  /** Ids between the beginnings of two stretches. */
  readonly stride: number;
  /** tokens + (sessions − 1) · stride ids, and `rounds` times the number of batch sizes more. */
  readonly text: SweepDocument;
  readonly batches: readonly number[];
  readonly rounds: number;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly command: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((what: string) => void) | undefined;
}

/** Throws InAttentionError when measured bytes are not the planned ones, AbortedError, and what sessions throw. */
export async function runBatch(options: BatchBenchOptions): Promise<BatchResult> {
  const { backend, shape, text, mode, dtype, weightDType, window, sessions, tokens, stride } = options;
  const created = new Date().toISOString();
  const config = configOf(shape, 'inattention', window);
  using model = createModel(config, backend, { seed: 1, windowDeviation: 0.02, weightDType });
  const start = performance.now();
  const all = await fill(model, options);
  const appendMs = performance.now() - start;
  const seen = new Set<number>();
  for (let order = 0; order < sessions; order += 1) {
    // What a stretch has in common with the one before it has been seen.
    const from = order * stride + (order === 0 ? 0 : Math.max(0, tokens - stride));
    for (const id of text.ids.subarray(from, order * stride + tokens)) seen.add(id);
  }
  const distinct = seen.size;
  const bytes = checkBytes(model, all, options, distinct);
  const { title, tokenizer } = text;
  return {
    schema: batchResultSchema,
    created,
    command: options.command,
    environment: options.environment,
    backend: { name: backend.name, device: backend.info.device },
    shape: shape.name,
    text: { title, tokenizer, stride },
    ...{ mode, dtype, weightDType, window, sessions, tokens, distinct },
    bytes,
    appendMs,
    rows: await decode(all, options),
  };
}

async function fill(model: Model, options: BatchBenchOptions): Promise<Session[]> {
  const { mode, dtype, sessions, tokens, stride, text, signal, onProgress } = options;
  const all: Session[] = [];
  for (let order = 0; order < sessions; order += 1) {
    const session = model.createSession({ context: mode, dtype });
    await session.append(text.ids.subarray(order * stride, order * stride + tokens), { signal });
    all.push(session);
    if ((order + 1) % 100 === 0) onProgress?.(`${order + 1} of ${sessions} sessions hold ${tokens} ids each`);
  }
  return all;
}

/** The planned bytes, which every session, the model and the ledger must confirm. */
function checkBytes(
  model: Model,
  sessions: readonly Session[],
  { mode, dtype, weightDType, tokens, stride }: BatchBenchOptions,
  distinct: number,
): BatchBytes {
  const { rows, selfAttentionContextBytes } = plan(model.config, { tokens, dtype, weightDType });
  const { contextBytes } = rows[contextModes.indexOf(mode)] as (typeof rows)[number];
  const whole = plan(model.config, { tokens: tokens + (sessions.length - 1) * stride, distinct, dtype });
  const { tableBytes } = whole.rows[contextModes.indexOf(mode)] as (typeof rows)[number];
  const { live } = model.backend.ledger.snapshot();
  expectBytes('A context', Math.max(...sessions.map((session) => session.contextBytes)), contextBytes);
  expectBytes('A context', Math.min(...sessions.map((session) => session.contextBytes)), contextBytes);
  expectBytes('All contexts in the ledger', live.context, contextBytes * sessions.length);
  expectBytes('The table', model.tableBytes, tableBytes);
  expectBytes('The table in the ledger', live.table, tableBytes);
  return {
    contextEach: contextBytes,
    context: contextBytes * sessions.length,
    table: tableBytes,
    host: sessions.reduce((sum, { hostBytes }) => sum + hostBytes, 0),
    selfAttentionContext: selfAttentionContextBytes * sessions.length,
  };
}

function expectBytes(what: string, measured: number, planned: number): void {
  if (measured === planned) return;
  throw new InAttentionError('INVALID_ARGUMENT', {
    what: `${what}: not the bytes that were planned.`,
    got: `${measured} bytes`,
    expected: `${planned} bytes`,
  });
}

/** Every batch size once a round, each time with the next sessions in turn. */
async function decode(sessions: readonly Session[], options: BatchBenchOptions): Promise<BatchRow[]> {
  const { batches, rounds, text, stride, signal, onProgress } = options;
  const times = batches.map((): number[] => []);
  let next = 0;
  for (let round = 0; round <= rounds; round += 1) {
    onProgress?.(round === 0 ? 'warming up' : `round ${round} of ${rounds}`);
    for (const [place, batch] of batches.entries()) {
      throwIfAborted(signal, 'The bench');
      const orders = Array.from({ length: batch }, (_, order) => (next + order) % sessions.length);
      next += batch;
      const chosen = orders.map((order) => sessions[order] as Session);
      const ids = chosen.map(({ length }, place) => text.ids[(orders[place] as number) * stride + length] as number);
      const start = performance.now();
      await Promise.all(chosen.map((session, order) => session.append(ids.slice(order, order + 1))));
      await Session.nextLogits(chosen, { signal });
      if (round > 0) times[place]?.push(performance.now() - start); // the first round warms up
    }
  }
  return batches.map((batch, place) => {
    const own = times[place] as number[];
    const stepMs = median(own);
    return { batch, stepMs, steps: own.length, tokensPerSecond: (1000 * batch) / stepMs };
  });
}
