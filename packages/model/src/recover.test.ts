/** Sessions whose device is lost: they continue on another backend with the tokens they would have had. */

import { type Backend, EagerOperations, Tensor } from '@inattention/core';
import { contextModes, type ModelConfig } from '@inattention/core/math';
import { createCpuBackend } from '@inattention/cpu';
import { describe, expect, it } from 'vitest';
import { losableBackend } from '../test/losable-backend.ts';
import { config } from '../test/small-model.ts';
import { createModel } from './create-model.ts';
import { generate } from './generation/generate.ts';
import { Model } from './model.ts';
import { Sampler } from './sampling/sampler.ts';
import type { Session } from './session.ts';

const small: ModelConfig = {
  ...config,
  vocabSize: 24,
  hiddenSize: 8,
  numAttentionHeads: 2,
  numKeyValueHeads: 1,
  headDim: 4,
};
const configs: Record<string, ModelConfig> = {
  'a pure model': small,
  'a hybrid': { ...small, positionEmbeddingType: 'learned', attentionTypes: ['inattention', 'self'] },
};
const prompt = [3, 1, 4, 1, 5, 9, 2, 6];
const sampling = { temperature: 1, seed: 7, maxTokens: 4, stopTokens: [] };
const weights = { seed: 1, deviation: 0.3, windowDeviation: 0.3 };

const oneThread = () => createCpuBackend({ threads: 1 });

async function tokensOf(generated: AsyncIterable<{ readonly token: number }>): Promise<number[]> {
  const tokens: number[] = [];
  for await (const { token } of generated) tokens.push(token);
  return tokens;
}

async function undisturbed(config: ModelConfig): Promise<number[]> {
  using backend = await oneThread();
  using model = createModel(config, backend, weights);
  using session = model.createSession({ context: 'tables' });
  await session.append(prompt);
  return await tokensOf(generate(session, sampling));
}

const held = ({ ledger }: Backend) => [ledger.snapshot().liveTotal, ledger.snapshot().host];

for (const [name, config] of Object.entries(configs)) {
  describe(`${name} on a device that is lost`, () => {
    it.each(contextModes)('at any call of a generation from %s: the same tokens', async (context) => {
      const expected = await undisturbed(config);
      for (let calls = 0, lost = true; lost; calls += calls < 12 ? 1 : 37) {
        using inner = await oneThread();
        using next = await oneThread();
        const device = losableBackend(inner);
        const model = createModel(config, device.backend, weights);
        const session = model.createSession({ context });
        await session.append(prompt);
        device.loseAfter(calls);
        const tokens = await tokensOf(generate(session, { ...sampling, recover: async () => next }));
        expect(tokens, `lost after ${calls} calls`).toEqual(expected);
        expect([...session.tokens]).toEqual([...prompt, ...expected]);
        lost = device.lost;
        expect(model.backend).toBe(lost ? next : device.backend);
        model.dispose();
        expect([held(inner), held(next)]).toEqual([
          [0, 0],
          [0, 0],
        ]);
      }
    });
  });
}

describe('recover', () => {
  async function lostSession(): Promise<{ session: Session; model: Model; sampler: Sampler; tokens: number[] }> {
    const device = losableBackend(await oneThread());
    const model = createModel(small, device.backend, weights);
    const session = model.createSession({ context: 'tables' });
    await session.append(prompt);
    const sampler = new Sampler(sampling);
    const tokens: number[] = [];
    const generation = (async () => {
      for await (const { token } of generate(session, { ...sampling, sampler })) {
        tokens.push(token);
        if (tokens.length === 2) device.loseAfter(5);
      }
    })();
    await expect(generation).rejects.toMatchObject({ code: 'BACKEND_LOST' });
    return { session, model, sampler, tokens };
  }

  it('lets a caller go on by hand, with the sampler it had', async () => {
    const { session, sampler, tokens } = await lostSession();
    expect([...session.tokens]).toEqual([...prompt, ...tokens]);
    using next = await oneThread();
    await session.recover(next);
    const rest = await tokensOf(generate(session, { ...sampling, maxTokens: 4 - tokens.length, sampler }));
    expect([...tokens, ...rest]).toEqual(await undisturbed(small));
  });

  it('takes the model’s other sessions along, at their next call', async () => {
    using first = await oneThread();
    using second = await oneThread();
    using model = createModel(small, first, weights);
    using session = model.createSession({ context: 'kv' });
    await session.append(prompt);
    using other = await session.fork();
    await other.append([7]);
    const expected = await other.nextLogits();
    await session.recover(second);
    expect(other.tokens.at(-1)).toBe(7);
    expect(await other.nextLogits()).toEqual(expected);
    expect(first.ledger.snapshot().liveTotal).toBe(0);
    using fresh = model.createSession();
    await fresh.append([...prompt, 7]);
    expect(model.backend).toBe(second);
  });

  it('changes nothing when it fails, and can be tried again', async () => {
    const { session, model } = await lostSession();
    const before = [...session.tokens];
    const tooSmall = await createCpuBackend({ threads: 1, maxBytes: 2 * 65536 });
    using full = losableBackend(tooSmall).backend;
    const filler = Tensor.allocate(full, [14_000], 'f32', 'scratch');
    await expect(session.recover(full)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    filler.dispose();
    expect(held(full)).toEqual([0, 0]);
    expect([...session.tokens]).toEqual(before);
    using next = await oneThread();
    await Promise.all([session.recover(next), session.recover(next)]);
    expect((await session.nextLogits()).length).toBe(small.vocabSize);
    expect(model.backend).toBe(next);
  });

  it('is refused for weights that cannot be had again', async () => {
    using backend = await oneThread();
    using next = await oneThread();
    using changed = createModel(small, backend, weights);
    changed.contextModel.invalidate();
    await expect(changed.recover(next)).rejects.toThrow(/weights changed since/);
    const source = createModel(small, backend, weights);
    const handedOver = new Model({
      operations: new EagerOperations(backend),
      config: small,
      weights: source.weights,
      tokenizer: null,
      fingerprint: 'x',
    });
    await expect(handedOver.recover(next)).rejects.toThrow(/handed over as tensors/);
    handedOver.dispose();
    source.contextModel.dispose();
  });
});
