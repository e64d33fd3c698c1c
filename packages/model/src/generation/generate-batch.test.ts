import type { ContextMode, ModelConfig } from '@inattention/core/math';
import { describe, expect, test } from 'vitest';
import { makeModel } from '../../test/small-model.ts';
import type { Model } from '../model.ts';
import type { BatchEvent, BatchRequest } from './batch-requests.ts';
import type { GeneratedToken } from './continuation.ts';
import { generate } from './generate.ts';
import { type BatchOptions, generateBatch } from './generate-batch.ts';

const modes: readonly ContextMode[] = ['kv', 'tables', 'states', 'ids'];
const text = Int32Array.from({ length: 400 }, (_, position) => (position * position * 31 + 7 * position) % 256);

interface Outcome {
  readonly tokens: readonly GeneratedToken[];
  readonly error: unknown;
}

/** What `generate` gives for the request alone. */
async function alone(model: Model, { prompt, sessionOptions, ...options }: BatchRequest): Promise<Outcome> {
  using session = model.createSession(sessionOptions);
  const tokens: GeneratedToken[] = [];
  try {
    if (prompt !== undefined) await session.append(prompt);
    for await (const token of generate(session, options)) tokens.push(token);
    return { tokens, error: undefined };
  } catch (error) {
    return { tokens, error };
  }
}

async function together(model: Model, requests: readonly BatchRequest[], options?: BatchOptions): Promise<Outcome[]> {
  const outcomes = requests.map(() => ({ tokens: [] as GeneratedToken[], error: undefined as unknown }));
  for await (const event of generateBatch(model, requests, options)) {
    const outcome = outcomes[event.index] as (typeof outcomes)[number];
    if ('error' in event) outcome.error = event.error;
    else outcome.tokens.push(event);
  }
  return outcomes;
}

const plain = (tokens: readonly GeneratedToken[]) =>
  tokens.map(({ token, text: shown, finishReason }) => ({ token, text: shown, finishReason }));

function expectSame(got: readonly Outcome[], expected: readonly Outcome[]): void {
  got.forEach(({ tokens, error }, index) => {
    const reference = expected[index] as Outcome;
    expect(plain(tokens), `request ${index}`).toEqual(plain(reference.tokens));
    expect(error).toEqual(reference.error);
    tokens.forEach(({ logProbability }, order) => {
      expect(logProbability).toBeCloseTo((reference.tokens[order] as GeneratedToken).logProbability, 4);
    });
  });
}

/** Requests of all modes, greedy and sampled, that end for every reason. */
function manyRequests(): BatchRequest[] {
  return Array.from({ length: 14 }, (_, order) => ({
    prompt: text.subarray(order, order + 1 + ((order * 61) % 300)),
    sessionOptions: { context: modes[order % modes.length] as ContextMode },
    maxTokens: 3 + ((order * 7) % 20),
    seed: order,
    temperature: order % 3 === 0 ? 0 : 1.2,
    ...(order % 4 === 1 && { topK: 40, topP: 0.9, repetitionPenalty: 1.3 }),
    ...(order % 5 === 2 && { stop: [...'aeiountrsdlhc'] }),
    ...(order % 5 === 3 && { stopTokens: Array.from({ length: 40 }, (_, token) => token * 6) }),
  }));
}

const models: Record<string, Partial<ModelConfig>> = {
  pure: {},
  hybrid: { numHiddenLayers: 3, attentionTypes: ['inattention', 'self', 'inattention'] },
  'learned positions': { positionEmbeddingType: 'learned', maxPositionEmbeddings: 310 },
};

describe('generateBatch', () => {
  test.each(Object.entries(models))('gives every request what it gets alone: %s', async (_, changes) => {
    const { backend, model } = await makeModel(changes);
    const requests = manyRequests();
    const expected: Outcome[] = [];
    for (const request of requests) expected.push(await alone(model, request));
    const before = backend.ledger.snapshot().live;
    for (const maxBatch of [1, 5, 64]) {
      const got = await together(model, requests, { maxBatch });
      expectSame(got, expected);
      expect(new Set(got.map(({ tokens }) => tokens.at(-1)?.finishReason)).size).toBe(3);
    }
    expect(backend.ledger.snapshot().live).toEqual(before);
    model.dispose();
    backend.dispose();
  });

  test('continues given sessions, which keep what was handed out', async () => {
    const { backend, model } = await makeModel();
    const parent = model.createSession({ context: 'tables' });
    await parent.append('Call me');
    const fork = await parent.fork();
    const requests = [
      { session: parent, maxTokens: 30, temperature: 1, seed: 1 },
      { session: fork, prompt: ' Ishmael', maxTokens: 30, temperature: 1, seed: 2 },
    ];
    const tokens: number[][] = [[], []];
    for await (const event of generateBatch(model, requests)) {
      if (!('token' in event)) throw event.error;
      (tokens[event.index] as number[]).push(event.token);
      if (tokens[1]?.length === 5) break;
    }
    expect([...parent.tokens.slice(7)].slice(0, 4)).toEqual(tokens[0]?.slice(0, 4));
    expect([...fork.tokens.slice(15)]).toEqual(tokens[1]);
    const expected = await alone(model, { prompt: 'Call me', maxTokens: 30, temperature: 1, seed: 1 });
    expect(tokens[0]).toEqual(expected.tokens.slice(0, tokens[0]?.length).map(({ token }) => token));
    expect(await fork.nextLogits()).toHaveLength(256);
    model.dispose();
    backend.dispose();
  });

  test('what fails or is cancelled ends by itself', async () => {
    const { backend, model } = await makeModel({ positionEmbeddingType: 'learned', maxPositionEmbeddings: 20 });
    const other = await makeModel();
    const foreign = other.model.createSession();
    const doomed = model.createSession();
    const controller = new AbortController();
    const requests: BatchRequest[] = [
      { prompt: 'Call me', maxTokens: 40, temperature: 1, seed: 1 }, // no room for all of it
      { prompt: 'Call me', maxTokens: 10, temperature: 1, seed: 2 },
      { prompt: '', maxTokens: 4 },
      { prompt: 'Call me', maxTokens: -1 },
      { session: foreign, prompt: 'Call me' },
      { session: doomed, prompt: 'Call me', maxTokens: 10 },
      { prompt: 'Call me', maxTokens: 10, signal: controller.signal },
      { prompt: 'Call me', maxTokens: 10, signal: AbortSignal.abort() },
      { prompt: 'Call me', sessionOptions: { context: 'ids', budget: 4 } },
      { prompt: 'Call me', maxTokens: 0 },
    ];
    const events: BatchEvent[] = [];
    for await (const event of generateBatch(model, requests)) {
      events.push(event);
      if (events.filter(({ index }) => index === 5).length === 2) doomed.dispose();
      if (events.filter(({ index }) => index === 6).length === 3) controller.abort();
    }
    const of = (wanted: number) => events.filter(({ index }) => index === wanted);
    expect(of(0)).toHaveLength(14);
    expect(of(1)).toHaveLength(10);
    expect(of(1).at(-1)).toMatchObject({ finishReason: 'length' });
    const counts = [0, 2, 3, 4, 5, 6, 7, 8, 9].map((index) => of(index).length);
    expect(counts).toEqual([14, 1, 1, 1, 3, 4, 1, 1, 0]);
    const codes = [0, 2, 3, 4, 5, 6, 7, 8].map((index) => (of(index).at(-1) as { error: { code: string } }).error.code);
    const invalid = 'INVALID_ARGUMENT';
    expect(codes).toEqual([
      'UNSUPPORTED',
      invalid,
      invalid,
      invalid,
      'DISPOSED',
      'ABORTED',
      'ABORTED',
      'BUDGET_EXCEEDED',
    ]);
    for (const { model: used, backend: device } of [{ model, backend }, other]) {
      used.dispose();
      expect(device.ledger.snapshot().liveTotal).toBe(0);
      device.dispose();
    }
  });

  test('takes requests as they come, no more than there is room for', async () => {
    const { backend, model } = await makeModel();
    let taken = 0;
    let ended = 0;
    let most = 0;
    let closed = false;
    async function* arrivals(): AsyncGenerator<BatchRequest> {
      try {
        for (let order = 0; order < 9; order += 1) {
          taken += 1;
          most = Math.max(most, taken - ended);
          yield { prompt: text.subarray(order, order + 5), maxTokens: 2 + (order % 4) };
        }
      } finally {
        closed = true;
      }
    }
    for await (const event of generateBatch(model, arrivals(), { maxBatch: 3 })) {
      if ('finishReason' in event) ended += 1;
    }
    expect([taken, ended, closed]).toEqual([9, 9, true]);
    expect(most).toBeLessThanOrEqual(6); // three at work, and the ends of up to three not yet handed out
    expect(most).toBeGreaterThanOrEqual(3);
    model.dispose();
    backend.dispose();
  });

  test('timers get their turn while a backend answers at once', async () => {
    const { backend, model } = await makeModel();
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 0);
    const run = async () => {
      const requests = [{ prompt: 'Call me', maxTokens: 400 }];
      for await (const _ of generateBatch(model, requests, { signal: controller.signal }));
    };
    await expect(run()).rejects.toMatchObject({ code: 'ABORTED' });
    model.dispose();
    backend.dispose();
  });

  test('ends as a whole on its signal, on a failing source, and never waits for one that says nothing', async () => {
    const { backend, model } = await makeModel();
    const before = backend.ledger.snapshot().liveTotal;
    const controller = new AbortController();
    async function* silent(): AsyncGenerator<BatchRequest> {
      yield { prompt: 'Call me', maxTokens: 3, sessionOptions: { context: 'kv' } };
      await new Promise(() => undefined);
    }
    const run = async () => {
      for await (const event of generateBatch(model, silent(), { signal: controller.signal })) {
        if ('finishReason' in event) setTimeout(() => controller.abort(), 0);
      }
    };
    await expect(run()).rejects.toMatchObject({ code: 'ABORTED' });
    async function* failing(): AsyncGenerator<BatchRequest> {
      yield { prompt: 'Call me', sessionOptions: { context: 'kv' } };
      throw new RangeError('no more');
    }
    const drain = async () => {
      for await (const _ of generateBatch(model, failing()));
    };
    await expect(drain()).rejects.toThrow('no more');
    for (const maxBatch of [0, 1.5, Number.NaN]) {
      await expect(generateBatch(model, [], { maxBatch }).next()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(await generateBatch(model, []).next()).toEqual({ done: true, value: undefined });
    expect(backend.ledger.snapshot().liveTotal).toBe(before);
    model.dispose();
    backend.dispose();
  });
});
