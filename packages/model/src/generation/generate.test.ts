import { describe, expect, test } from 'vitest';
import { makeModel } from '../../test/small-model.ts';
import { type GeneratedToken, type GenerateOptions, generate } from './generate.ts';

async function collect(options: GenerateOptions, prompt = 'Call me') {
  const { backend, model } = await makeModel();
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

  test('refuses an empty context, bad counts, and stop texts without a tokenizer', async () => {
    await expect(collect({ maxTokens: 1 }, '')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(collect({ maxTokens: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(collect({ temperature: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
