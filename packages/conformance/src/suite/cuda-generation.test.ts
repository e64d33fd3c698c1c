/**
 * The CUDA backend over time: greedy ids beside the CPU's, and that nothing is left of a thousand decode steps and a hundred
 * training steps, by TensorFlow's own count of tensors too.
 */

import { createRequire } from 'node:module';
import { adamw, type Backend, EagerOperations, Tensor } from '@inattention/core';
import { contextModes } from '@inattention/core/math';
import { createCpuBackend } from '@inattention/cpu';
import { type CudaBackend, createCudaBackend } from '@inattention/cuda';
import { installedBinding } from '@inattention/cuda/setup';
import { generate } from '@inattention/model';
import { describe, expect, test, vi } from 'vitest';
import type { GoldenCase } from '../golden/golden-case.ts';
import { namedGoldenCases } from '../golden/golden-folders.ts';
import { goldenModel, lossAndGradients } from './models/golden-model.ts';
import { randomIds, smallConfigs, smallModel } from './small-models.ts';

vi.setConfig({ testTimeout: 240_000 });

/** Tensors that TensorFlow holds in this process, of whomever. */
function nativeTensors(): number {
  const { addon } = installedBinding() as NonNullable<ReturnType<typeof installedBinding>>;
  return (createRequire(import.meta.url)(addon) as { getNumOfTensors(): number }).getNumOfTensors();
}

function heldBytes({ ledger }: Backend): number {
  const { liveTotal, reserved } = ledger.snapshot();
  return liveTotal + reserved;
}

async function greedy(backend: Backend, golden: GoldenCase): Promise<number[]> {
  using model = goldenModel(backend, new EagerOperations(backend), golden);
  using session = model.createSession({ context: 'kv' });
  await session.append(golden.tokens.slice(0, 40));
  const tokens: number[] = [];
  for await (const { token } of generate(session, { maxTokens: 16, stopTokens: [] })) tokens.push(token);
  return tokens;
}

describe('greedy ids equal the CPU’s', () => {
  for (const { name, load } of namedGoldenCases()) {
    test(name, async () => {
      const golden = await load();
      using cpu = await createCpuBackend();
      using cuda = await createCudaBackend();
      expect(await greedy(cuda, golden)).toEqual(await greedy(cpu, golden));
    });
  }
});

describe('1,000 decode steps leave nothing', () => {
  test.each(contextModes)('%s', async (context) => {
    const config = smallConfigs['rope, w = 3'] as NonNullable<(typeof smallConfigs)[string]>;
    const before = nativeTensors();
    const backend = await createCudaBackend();
    const model = smallModel(backend, config);
    const weights = backend.statistics().tensors;
    const bytes = heldBytes(backend);
    const steps = context === 'kv' || context === 'tables' ? 1000 : 200;
    const session = model.createSession({ context });
    await session.append(randomIds(60, config.vocabSize, 1));
    let tokens = 0;
    for await (const _ of generate(session, { maxTokens: steps, temperature: 1, stopTokens: [] })) tokens += 1;
    expect(tokens).toBe(steps);
    session.dispose();
    model.contextModel.invalidate();
    backend.trim();
    expect(backend.ledger.live('context') + backend.ledger.live('table')).toBe(0);
    expect(heldBytes(backend)).toBe(bytes);
    // Weights that are read in two shapes have a second look at the same memory, of which there are no more than weights.
    expect(backend.statistics().tensors).toBeLessThanOrEqual(3 * weights);
    model.dispose();
    backend.trim();
    expect([backend.statistics().tensors, heldBytes(backend)]).toEqual([0, 0]);
    backend.dispose();
    expect(nativeTensors()).toBe(before);
  });
});

test('100 training steps leave nothing', async () => {
  const golden = await (
    namedGoldenCases().find(({ name }) => name === 'window') as { load(): Promise<GoldenCase> }
  ).load();
  const before = nativeTensors();
  const backend: CudaBackend = await createCudaBackend();
  const operations = new EagerOperations(backend);
  const options = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
  const counts: number[] = [];
  for (let step = 1; step <= 100; step += 1) {
    const { gradients } = await lossAndGradients(backend, golden, { fused: true, positions: [3, 9, 17] });
    operations.scope(() => {
      for (const data of gradients.values()) {
        const [parameter, gradient, firstMoment, secondMoment] = [0, 1, 0, 0].map((factor) =>
          operations.own(
            Tensor.from(
              backend,
              data.map((x) => factor * x),
              [data.length],
              'optimizer',
            ),
          ),
        ) as [Tensor, Tensor, Tensor, Tensor];
        adamw(operations, { parameter, gradient, firstMoment, secondMoment }, { ...options, step });
      }
    });
    backend.trim();
    counts.push(backend.statistics().tensors, heldBytes(backend));
  }
  expect(new Set(counts)).toEqual(new Set([0]));
  backend.dispose();
  expect(nativeTensors()).toBe(before);
});
