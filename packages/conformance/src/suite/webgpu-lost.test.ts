/** A GPU that is lost in the middle of a generation: it goes on, on another device, with the tokens it would have had. */

/// <reference types="@vitest/browser-playwright" />

import { createCpuBackend } from '@inattention/cpu';
import { generate } from '@inattention/model';
import { createWebGpuBackend } from '@inattention/webgpu';
import { expect, test, vi } from 'vitest';
import { randomIds, smallConfigs, smallModel } from './small-models.ts';

vi.setConfig({ testTimeout: 120_000 });

const sampling = { temperature: 1, seed: 3, maxTokens: 8, stopTokens: [] };

/** Generates on a fresh WebGPU backend; `lose` is called with its device when three tokens are there. */
async function generateLosing(config: string, lose: (device: GPUDevice) => void | Promise<void>): Promise<number[]> {
  const model = smallConfigs[config];
  if (model === undefined) throw new Error(config);
  const backends = [await createWebGpuBackend()];
  const recover = async () => {
    const next = await createWebGpuBackend();
    backends.push(next);
    return next;
  };
  const running = smallModel(backends[0] as (typeof backends)[0], model);
  using session = running.createSession({ context: 'tables' });
  await session.append(randomIds(300, model.vocabSize, 1));
  const tokens: number[] = [];
  for await (const { token } of generate(session, { ...sampling, recover })) {
    tokens.push(token);
    if (tokens.length === 3) await lose((backends[0] as (typeof backends)[0]).device);
  }
  running.dispose();
  expect(backends.length).toBe(2);
  for (const backend of backends) {
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
    backend.dispose();
  }
  return tokens;
}

async function generateOnCpu(config: string): Promise<number[]> {
  const model = smallConfigs[config];
  if (model === undefined) throw new Error(config);
  using backend = await createCpuBackend();
  using running = smallModel(backend, model);
  using session = running.createSession({ context: 'tables' });
  await session.append(randomIds(300, model.vocabSize, 1));
  const tokens: number[] = [];
  for await (const { token } of generate(session, sampling)) tokens.push(token);
  return tokens;
}

for (const config of Object.keys(smallConfigs)) {
  test(`${config}: a device that is destroyed`, async () => {
    expect(await generateLosing(config, (device) => device.destroy())).toEqual(await generateOnCpu(config));
  });
}

// In a browser the whole GPU process can go, and every device with it.
if (typeof document !== 'undefined') {
  test('a GPU process that crashes', async () => {
    const { cdp } = await import('vitest/browser');
    const [config = ''] = Object.keys(smallConfigs);
    const crash = async (device: GPUDevice) => {
      await cdp().send('Browser.crashGpuProcess');
      expect((await device.lost).reason).toBe('unknown');
    };
    expect(await generateLosing(config, crash)).toEqual(await generateOnCpu(config));
  });
}
