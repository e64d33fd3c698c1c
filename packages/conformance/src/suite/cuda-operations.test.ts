/**
 * What a decode step costs on the CUDA backend in calls of TensorFlow, each of which takes some 20 µs to start: counted, so
 * that it stays what it is. Per layer: the difference between models of two depths.
 */

import { type ContextMode, contextModes, type ModelConfig } from '@inattention/core/math';
import { describe, expect, test, vi } from 'vitest';
import { cudaBackends } from '../../test/cuda-here.ts';
import { randomIds, smallConfigs, smallModel } from './small-models.ts';

const createBackend = await cudaBackends();
vi.setConfig({ testTimeout: 120_000 });

/** Calls of the 40th token after a prompt of 300, in a model of so many layers like GPT-2's: as many key heads as heads. */
async function operationsOfStep(context: ContextMode, layers: number): Promise<number> {
  using backend = await createBackend();
  const config: ModelConfig = {
    ...(smallConfigs['rope, w = 3'] as ModelConfig),
    numKeyValueHeads: 4,
    numHiddenLayers: layers,
    attentionTypes: Array.from({ length: layers }, () => 'inattention' as const),
  };
  using model = smallModel(backend, config);
  using session = model.createSession({ context });
  await session.append(randomIds(300, config.vocabSize, 1));
  await session.nextLogits();
  let last = 0;
  for (const id of randomIds(40, config.vocabSize, 2)) {
    const before = backend.statistics().operations;
    await session.append([id]);
    await session.nextLogits();
    last = backend.statistics().operations - before;
  }
  return last;
}

/** The most calls per layer. `kv` is what the rest of the field calls a decode step. */
const bounds: Readonly<Record<ContextMode, number>> = { kv: 28, tables: 52, states: 78, ids: 120 };

describe('calls of TensorFlow per layer of a decode step', () => {
  test.each(contextModes)('%s', async (context) => {
    const perLayer = ((await operationsOfStep(context, 6)) - (await operationsOfStep(context, 2))) / 4;
    console.info(`${context}: ${perLayer} calls per layer`);
    expect(perLayer).toBeLessThanOrEqual(bounds[context]);
  });
});
