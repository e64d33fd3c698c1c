import type { ModelConfig } from '@inattention/core/math';
import { describe, expect, test } from 'vitest';
import { makeModel } from '../../test/small-model.ts';
import { Sampler } from '../sampling/sampler.ts';
import type { GeneratedToken, GenerateOptions } from './continuation.ts';
import { generate } from './generate.ts';

async function collect(options: GenerateOptions, prompt = 'Call me', changes: Partial<ModelConfig> = {}) {
  const { backend, model } = await makeModel(changes);
  const session = model.createSession({ context: 'tables' });
  await session.append(prompt);
  const tokens: GeneratedToken[] = [];
  for await (const token of generate(session, options)) tokens.push(token);
  const context = session.tokens;
  const text = tokens.map((token) => token.text).join('');
  model.dispose();
  backend.dispose();
  return { tokens, ids: tokens.map(({ token }) => token), text, context };
}

describe('generate', () => {
  test('stops at maxTokens, grows the context, and streams what decode gives', async () => {
    const { tokens, ids, text, context } = await collect({ maxTokens: 9, temperature: 1, seed: 2 });
    expect(tokens).toHaveLength(9);
    expect(tokens.at(-1)?.finishReason).toBe('length');
    expect(tokens.slice(0, -1).every(({ finishReason }) => finishReason === undefined)).toBe(true);
    expect([...context.slice(7)]).toEqual(ids);
    expect(text).toBe(new TextDecoder().decode(Uint8Array.from(ids)));
  });

  test('a stop token ends it and is not appended', async () => {
    const { ids } = await collect({ maxTokens: 9 });
    const stop = ids[3] as number;
    const end = ids.indexOf(stop);
    const stopped = await collect({ maxTokens: 9, stopTokens: [stop] });
    expect(stopped.tokens.at(-1)?.finishReason).toBe('stop-token');
    expect([...stopped.context.slice(7)]).toEqual(ids.slice(0, end));
  });

  test('a stop sequence ends it and is not shown', async () => {
    const { text } = await collect({ maxTokens: 30, temperature: 1, seed: 4 });
    const stop = text.slice(5, 7);
    const stopped = await collect({ maxTokens: 30, temperature: 1, seed: 4, stop: [stop] });
    expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
    expect(stopped.tokens.at(-1)?.finishReason).toBe('stop-sequence');
  });

  test('leaving the loop or aborting keeps the session usable', async () => {
    const { backend, model } = await makeModel();
    using session = model.createSession();
    await session.append('Call me');
    for await (const _ of generate(session, { maxTokens: 50 })) if (session.length === 10) break;
    expect(session.length).toBe(10);
    const controller = new AbortController();
    const run = async () => {
      for await (const _ of generate(session, { maxTokens: 50, signal: controller.signal })) {
        if (session.length === 13) controller.abort();
      }
    };
    await expect(run()).rejects.toMatchObject({ code: 'ABORTED', name: 'AbortError' });
    expect(session.length).toBe(13);
    expect(await session.nextLogits()).toHaveLength(256);
    model.dispose();
    backend.dispose();
  });

  test('timers get their turn while a backend answers at once', async () => {
    const { model } = await makeModel();
    const session = model.createSession();
    await session.append('Call me');
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 0);
    const run = async () => {
      for await (const _ of generate(session, { maxTokens: 400, signal: controller.signal }));
    };
    await expect(run()).rejects.toMatchObject({ code: 'ABORTED' });
    model.dispose();
  });

  test('refuses an empty context and bad counts before anything is done', async () => {
    await expect(collect({ maxTokens: 1 }, '')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    for (const options of [{ maxTokens: -1 }, { maxTokens: 1.5 }, { maxTokens: Number.NaN }, { temperature: -1 }]) {
      await expect(collect(options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect((await collect({ maxTokens: 0 })).tokens).toEqual([]);
  });

  test('end-of-text ids of the tokenizer and of the configuration end it, unless others are given', async () => {
    const sampling = { maxTokens: 2000, temperature: 1, seed: 3 };
    const ended = await collect(sampling, 'Call me', { vocabSize: 257 });
    expect(ended.tokens.at(-1)).toMatchObject({ token: 256, finishReason: 'stop-token' });
    expect(ended.context).not.toContain(256);
    const { ids } = await collect(sampling, 'Call me', { vocabSize: 257, eosTokenIds: [ended.ids[3] as number] });
    expect(ids).toEqual(ended.ids.slice(0, ended.ids.indexOf(ended.ids[3] as number) + 1));
    const count = ended.ids.length;
    const through = await collect({ ...sampling, maxTokens: count, stopTokens: [] }, 'Call me', { vocabSize: 257 });
    expect(through.ids).toEqual(ended.ids);
    expect(through.tokens.at(-1)?.finishReason).toBe('length');
    expect(through.context.at(-1)).toBe(256);
  });

  test('half a character at the end is shown, and can complete a stop sequence', async () => {
    const { model } = await makeModel();
    const first = async (options: GenerateOptions) => {
      using session = model.createSession();
      await session.append('Call me');
      const tokens: GeneratedToken[] = [];
      for await (const token of generate(session, { ...options, maxTokens: 1 })) tokens.push(token);
      return tokens[0] as GeneratedToken;
    };
    const seeds = Array.from({ length: 40 }, (_, seed) => seed);
    const drawn = await Promise.all(seeds.map((seed) => first({ temperature: 100, seed })));
    const half = drawn.findIndex(({ token }) => token >= 0xc2 && token < 0xf5);
    expect(drawn[half]).toMatchObject({ text: '\ufffd', finishReason: 'length' });
    const stopped = await first({ temperature: 100, seed: half, stop: ['\ufffd'] });
    expect(stopped).toMatchObject({ text: '', finishReason: 'stop-sequence' });
    model.dispose();
  });

  test('goes on with a sampler it is given, and gives the log probabilities of what it drew', async () => {
    const whole = await collect({ maxTokens: 8, temperature: 1, seed: 6 });
    const { model } = await makeModel();
    const session = model.createSession();
    await session.append('Call me');
    const sampler = new Sampler({ temperature: 1, seed: 6 });
    const tokens: GeneratedToken[] = [];
    for (const maxTokens of [3, 5]) {
      for await (const token of generate(session, { maxTokens, sampler })) tokens.push(token);
    }
    expect(tokens.map(({ token }) => token)).toEqual(whole.ids);
    const losses = await session.lossAt([6, 7, 8, 9, 10, 11, 12, 13], whole.ids);
    tokens.forEach(({ logProbability }, index) => {
      expect(logProbability).toBeCloseTo(-(losses[index] as number), 4);
    });
    model.dispose();
  });

  test('without a tokenizer: ids without text, and no stop texts', async () => {
    const { model } = await makeModel({}, { tokenizer: null });
    const session = model.createSession();
    await session.append([1, 2]);
    const texts: string[] = [];
    for await (const { text } of generate(session, { maxTokens: 3 })) texts.push(text);
    expect(texts).toEqual(['', '', '']);
    const stopping = generate(session, { stop: ['x'] }).next();
    await expect(stopping).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', fix: 'use stopTokens' });
    expect(session.length).toBe(5);
    model.dispose();
  });

  test('a context without room for the next token: an error, and the session stays as it is', async () => {
    const { model } = await makeModel({ positionEmbeddingType: 'learned', maxPositionEmbeddings: 9 });
    const session = model.createSession({ context: 'tables' });
    await session.append('Call me');
    const tokens: GeneratedToken[] = [];
    const run = async () => {
      for await (const token of generate(session)) tokens.push(token);
    };
    await expect(run()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(tokens).toHaveLength(2);
    expect(session.length).toBe(9);
    expect(await session.nextLogits()).toHaveLength(256);
    model.dispose();
  });
});
