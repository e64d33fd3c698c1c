/**
 * Generation on WebGPU beside the CPU: the same greedy ids on every golden model, and a ledger that equals the sum of the
 * GPUBuffers from before the first token to after the last.
 */

import type { Backend } from '@inattention/core';
import { EagerOperations } from '@inattention/core';
import { contextModes, type ModelConfig } from '@inattention/core/math';
import { createCpuBackend } from '@inattention/cpu';
import { generate, Sampler, Session } from '@inattention/model';
import { createWebGpuBackend, openDevice } from '@inattention/webgpu';
import { watchDevice } from '@inattention/webgpu/testing';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { goldenCasesHere } from '../../test/golden-cases.ts';
import type { GoldenCase } from '../golden/golden-case.ts';
import { goldenModel } from './models/golden-model.ts';
import { randomIds, smallConfigs, smallModel } from './small-models.ts';

vi.setConfig({ testTimeout: 240_000 });

const { device } = await openDevice();
const pure = smallConfigs['rope, w = 3'] as ModelConfig;
afterAll(() => device.destroy());

async function greedy(backend: Backend, golden: GoldenCase): Promise<number[]> {
  using model = goldenModel(backend, new EagerOperations(backend), golden);
  using session = model.createSession({ context: 'tables' });
  await session.append(golden.tokens.slice(0, 40));
  const tokens: number[] = [];
  for await (const { token } of generate(session, { maxTokens: 16, stopTokens: [] })) tokens.push(token);
  return tokens;
}

describe('greedy ids equal the CPU’s', async () => {
  for (const { name, load } of await goldenCasesHere()) {
    test(name, async () => {
      const golden = await load();
      using cpu = await createCpuBackend();
      using gpu = await createWebGpuBackend({ device });
      expect(await greedy(gpu, golden)).toEqual(await greedy(cpu, golden));
    });
  }
});

test('sessions of different modes and lengths in one pass equal each alone', async () => {
  using backend = await createWebGpuBackend({ device });
  using model = smallModel(backend, pure);
  const sessions = contextModes.map((context) => model.createSession({ context }));
  for (const [order, session] of sessions.entries()) {
    await session.append(randomIds(40 + 90 * order, pure.vocabSize, order));
  }
  const together = await Session.nextLogits(sessions);
  for (const [order, session] of sessions.entries()) {
    const alone = await session.nextLogits();
    const largest = Math.max(...alone.map(Math.abs));
    const worst = Math.max(...alone.map((logit, id) => Math.abs(logit - (together[order]?.[id] ?? Number.NaN))));
    expect(worst, session.mode).toBeLessThan(1e-5 * largest);
  }
});

/** Submissions that each of `steps` took, for the tokens it gave. */
async function submissionsOf(
  steps: AsyncIterable<unknown>,
  watch: { readonly submissions: number },
): Promise<number[]> {
  const counts: number[] = [];
  let before = watch.submissions;
  for await (const _ of steps) {
    counts.push(watch.submissions - before);
    before = watch.submissions;
  }
  return counts;
}

describe('a generated token is one submission', () => {
  for (const name of ['learned, w = 2', 'hybrid, rope, w = 3']) {
    test.each(contextModes)(`${name}: %s`, async (context) => {
      const { device: own } = await openDevice();
      const watch = watchDevice(own);
      using backend = await createWebGpuBackend({ device: own });
      const config = smallConfigs[name] as ModelConfig;
      using model = smallModel(backend, config);
      using session = model.createSession({ context });
      await session.append(randomIds(300, config.vocabSize, 1));
      const sampling = { temperature: 1, stopTokens: [] };
      for await (const _ of generate(session, { ...sampling, maxTokens: 4 })); // compiles what it needs
      const counts = await submissionsOf(generate(session, { ...sampling, maxTokens: 10 }), watch);
      expect(counts).toEqual(Array(10).fill(1));
      own.destroy();
    });
  }
});

test.each(['rope, w = 3', 'hybrid, rope, w = 3'])(
  '%s: an aborted generation holds nothing, and goes on',
  async (name) => {
    const { device: own } = await openDevice();
    const watch = watchDevice(own);
    const backend = await createWebGpuBackend({ device: own });
    const config = smallConfigs[name] as ModelConfig;
    const model = smallModel(backend, config);
    const prompt = randomIds(300, config.vocabSize, 1);
    const [whole, aborted] = [model.createSession({ context: 'tables' }), model.createSession({ context: 'tables' })];
    await whole.append(prompt);
    await aborted.append(prompt);
    const sampler = () => new Sampler({ temperature: 1, seed: 5 });
    const expected: number[] = [];
    const options = { maxTokens: 12, stopTokens: [] };
    for await (const { token } of generate(whole, { ...options, sampler: sampler() })) expected.push(token);

    const controller = new AbortController();
    const one = sampler();
    const tokens: number[] = [];
    const stopped = async () => {
      for await (const { token } of generate(aborted, { ...options, sampler: one, signal: controller.signal })) {
        tokens.push(token);
        if (tokens.length === 5) controller.abort();
      }
    };
    await expect(stopped()).rejects.toMatchObject({ code: 'ABORTED' });
    const { live, liveTotal, reserved } = backend.ledger.snapshot();
    expect(liveTotal).toBe(live.weights + live.table + live.context);
    expect(live.context).toBe(whole.contextBytes + aborted.contextBytes);
    expect(liveTotal + reserved).toBe(watch.liveBytes);
    expect([...aborted.tokens]).toEqual([...prompt, ...tokens]);
    for await (const { token } of generate(aborted, { ...options, maxTokens: 7, sampler: one })) tokens.push(token);
    expect(tokens).toEqual(expected);
    model.dispose();
    backend.trim();
    expect([backend.ledger.snapshot().liveTotal, watch.liveBytes]).toEqual([0, 0]);
    backend.dispose();
    own.destroy();
  },
);

/** In Chromium, where each step takes longer, fewer. */
const generated = 'document' in globalThis ? 100 : 500;

describe(`bytes of ${generated} generated tokens`, () => {
  test.each(contextModes)('%s', async (context) => {
    const { device: own } = await openDevice();
    const watch = watchDevice(own);
    const backend = await createWebGpuBackend({ device: own });
    const total = () => backend.ledger.snapshot().liveTotal + backend.ledger.snapshot().reserved;
    const model = smallModel(backend, pure);
    const session = model.createSession({ context });
    await session.append(randomIds(100, pure.vocabSize, 1));
    const totals: number[] = [];
    for await (const _ of generate(session, { maxTokens: generated, temperature: 1, stopTokens: [] })) {
      expect(total()).toBe(watch.liveBytes);
      const { live, liveTotal } = backend.ledger.snapshot();
      const planned = model
        .plan({ tokens: session.length, distinct: pure.vocabSize })
        .rows.find(({ mode }) => mode === context);
      expect(live.context).toBe(planned?.contextBytes);
      expect(liveTotal).toBe(live.weights + live.table + live.context);
      totals.push(watch.liveBytes);
    }
    expect(totals).toHaveLength(generated);
    // Pages of contexts come from what is reserved; else only scratch is kept, which plan() bounds whatever the length.
    const scratch = model.plan({ tokens: 600 }).rows.find(({ mode }) => mode === context)?.scratchBytes ?? 0;
    expect(Math.max(...totals) - (totals[0] as number)).toBeLessThan(scratch);
    model.dispose();
    backend.trim();
    expect([total(), watch.liveBytes]).toEqual([0, 0]);
    own.destroy();
  });
});
