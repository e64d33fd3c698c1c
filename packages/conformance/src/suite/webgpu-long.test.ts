/**
 * Contexts of 100,000 tokens, and weights, far longer than a storage binding, which is forced down to 1 MiB: logits equal
 * the CPU's in every mode.
 */

import type { Backend } from '@inattention/core';
import { contextModes, type ModelConfig } from '@inattention/core/math';
import { createCpuBackend } from '@inattention/cpu';
import { createWebGpuBackend, openDevice } from '@inattention/webgpu';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { randomIds, smallConfigs, smallModel } from './small-models.ts';

vi.setConfig({ testTimeout: 600_000 });

const tokens = 100_000;
/** Of the embedding: 1.9 MB. */
const vocabSize = 20_000;
const maxBindingBytes = 1 << 20;

const { device } = await openDevice({ limits: 'default' });
afterAll(() => device.destroy());

const configs: Record<string, ModelConfig> = {
  'rope, w = 3': { ...(smallConfigs['rope, w = 3'] as ModelConfig), vocabSize },
  'alibi, w = 1': { ...(smallConfigs['alibi, w = 1'] as ModelConfig), vocabSize },
};

async function logitsOf(backend: Backend, config: ModelConfig, context: (typeof contextModes)[number]) {
  using model = smallModel(backend, config);
  using session = model.createSession({ context });
  await session.append(randomIds(tokens, vocabSize, 4));
  return [...(await session.nextLogits())];
}

for (const [name, config] of Object.entries(configs)) {
  describe(`${name}, bindings of 1 MiB`, async () => {
    using cpu = await createCpuBackend();
    const expected = await logitsOf(cpu, config, 'kv');
    const largest = Math.max(...expected.map(Math.abs));
    test.each(contextModes)('%s', async (context) => {
      using backend = await createWebGpuBackend({ device, maxBindingBytes });
      const logits = await logitsOf(backend, config, context);
      const worst = Math.max(...logits.map((logit, id) => Math.abs(logit - (expected[id] as number))));
      expect(worst).toBeLessThan(5e-4 * largest);
    });
  });
}
