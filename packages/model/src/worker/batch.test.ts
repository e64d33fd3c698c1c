/** Batches in a worker: the same tokens as here, events as they come, errors and cancellation of each request. */

import { createRequire } from 'node:module';
import { MessageChannel } from 'node:worker_threads';
import { createCpuBackend } from '@inattention/cpu';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeModel, modelFiles } from '../../test/small-model.ts';
import type { BatchEvent } from '../generation/batch-requests.ts';
import { generateBatch } from '../generation/generate-batch.ts';
import { connectModels, type WorkerModel, type WorkerModels } from './connect-models.ts';
import { serveModels } from './serve-models.ts';

const nodeEndpoint = createRequire(import.meta.url)('comlink/dist/umd/node-adapter.js') as (port: unknown) => never;

/** Both sides in one process, over a real message channel: everything is cloned on its way. */
let channel: MessageChannel;
let models: WorkerModels;
let model: WorkerModel;

beforeEach(async () => {
  channel = new MessageChannel();
  serveModels({
    candidates: [{ name: 'cpu', create: () => createCpuBackend({ threads: 1 }) }],
    endpoint: nodeEndpoint(channel.port1),
  });
  models = connectModels(nodeEndpoint(channel.port2));
  model = await models.load({ bytes: modelFiles() });
});

afterEach(async () => {
  await model.dispose();
  channel.port1.close();
  channel.port2.close();
});

/** Tokens and errors by request. */
async function collect(events: AsyncIterable<BatchEvent>) {
  const tokens = new Map<number, number[]>();
  const errors = new Map<number, unknown>();
  const ends = new Map<number, string>();
  for await (const event of events) {
    if ('error' in event) {
      errors.set(event.index, event.error);
      continue;
    }
    tokens.set(event.index, [...(tokens.get(event.index) ?? []), event.token]);
    if (event.finishReason !== undefined) ends.set(event.index, event.finishReason);
  }
  return { tokens, errors, ends };
}

describe('a batch in a worker', () => {
  test('generates what it does here, of given sessions and new ones, with room for some at a time', async () => {
    const prompts = ['Call me', 'Ishmael.', 'Some years ago', 'never mind'];
    const limits = { maxTokens: 5, temperature: 0.8 };
    const session = await model.createSession({ context: 'tables' });
    await session.append('It is a way I have');
    const remote = await collect(
      model.generateBatch(
        [
          { ...limits, session, prompt: ' of driving' },
          ...prompts.map((prompt, seed) => ({ ...limits, seed, prompt, sessionOptions: { context: 'kv' } as const })),
        ],
        { maxBatch: 2 },
      ),
    );
    const local = await makeModel();
    const own = local.model.createSession({ context: 'tables' });
    await own.append('It is a way I have');
    const expected = await collect(
      generateBatch(
        local.model,
        [
          { ...limits, session: own, prompt: ' of driving' },
          ...prompts.map((prompt, seed) => ({ ...limits, seed, prompt, sessionOptions: { context: 'kv' } as const })),
        ],
        { maxBatch: 2 },
      ),
    );
    expect(remote).toEqual(expected);
    expect(remote.tokens.size).toBe(5);
    expect([session.length, session.contextBytes]).toEqual([own.length, own.contextBytes]);
    await session.append('!');
    expect(session.length).toBe(own.length + 1);
    local.model.dispose();
    local.backend.dispose();
  });

  test('hands out tokens as they come, and takes requests that come while it runs', async () => {
    const seen: string[] = [];
    async function* requests() {
      yield { prompt: 'one', maxTokens: 3 };
      seen.push('second is asked for');
      yield { prompt: 'two', maxTokens: 2 };
    }
    for await (const event of model.generateBatch(requests(), { maxBatch: 1 })) {
      seen.push(`${event.index}: ${'error' in event ? event.error : (event.finishReason ?? 'token')}`);
    }
    expect(seen.filter((what) => what.startsWith('0'))).toEqual(['0: token', '0: token', '0: length']);
    expect(seen.slice(-2)).toEqual(['1: token', '1: length']);
    expect(seen.indexOf('second is asked for')).toBeGreaterThan(-1);
  });

  test('errors of a request are its own, and arrive whole', async () => {
    const abort = new AbortController();
    abort.abort();
    const session = await model.createSession();
    await session.append('x');
    const { tokens, errors } = await collect(
      model.generateBatch([
        { prompt: 'fine', maxTokens: 2 },
        { prompt: [1, 2.5], maxTokens: 2 },
        { prompt: 'cancelled before', signal: abort.signal },
        { session, maxTokens: -1 },
      ]),
    );
    expect([...tokens.keys()].sort()).toEqual([0]);
    expect(errors.get(1)).toMatchObject({ code: 'TOKEN_OUT_OF_RANGE', got: '-1' });
    expect(errors.get(2)).toMatchObject({ code: 'ABORTED', name: 'AbortError' });
    expect(errors.get(3)).toMatchObject({ code: 'INVALID_ARGUMENT', got: '-1' });
  });

  test('a request that is cancelled ends alone; the batch ends all', async () => {
    const one = new AbortController();
    const lengths = new Map<number, number>();
    const failures = new Map<number, unknown>();
    const requests = [
      { prompt: 'a', maxTokens: 40, signal: one.signal },
      { prompt: 'b', maxTokens: 12 },
    ];
    for await (const event of model.generateBatch(requests)) {
      if ('error' in event) failures.set(event.index, event.error);
      else lengths.set(event.index, (lengths.get(event.index) ?? 0) + 1);
      if (lengths.get(0) === 3) one.abort();
    }
    expect(failures.get(0)).toMatchObject({ code: 'ABORTED' });
    expect(lengths.get(1)).toBe(12);
    expect(lengths.get(0)).toBeLessThan(40);

    const whole = new AbortController();
    const session = await model.createSession();
    await session.append('go on');
    const endless = async () => {
      for await (const _ of model.generateBatch([{ session, maxTokens: 500 }], { signal: whole.signal })) whole.abort();
    };
    await expect(endless()).rejects.toMatchObject({ code: 'ABORTED', name: 'AbortError' });
    await session.append('still here');
    expect(session.length).toBeGreaterThanOrEqual(16);
  });

  test('leaving the loop ends the batch, and given sessions stay usable', async () => {
    const session = await model.createSession();
    await session.append('go on');
    for await (const event of model.generateBatch([{ session, maxTokens: 500 }])) {
      expect(event).toMatchObject({ index: 0 });
      break;
    }
    const { length } = session;
    expect(length).toBe(6);
    await session.append('x');
    expect(session.length).toBe(length + 1);
  });

  test('what the source of requests throws, and what makes no sense, is thrown', async () => {
    async function* broken() {
      yield { prompt: 'one', maxTokens: 500 };
      throw new RangeError('no more paper');
    }
    await expect(collect(model.generateBatch(broken()))).rejects.toThrow('no more paper');
    await expect(collect(model.generateBatch([], { maxBatch: 0 }))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const line = new MessageChannel();
    serveModels({
      candidates: [{ name: 'cpu', create: () => createCpuBackend() }],
      endpoint: nodeEndpoint(line.port1),
    });
    const other = await connectModels(nodeEndpoint(line.port2)).load({ bytes: modelFiles() });
    const session = await other.createSession();
    await expect(collect(model.generateBatch([{ session }]))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await other.dispose();
    line.port1.close();
    line.port2.close();
  });
});
