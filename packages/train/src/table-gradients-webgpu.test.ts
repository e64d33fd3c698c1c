import { createCpuBackend } from '@inattention/cpu';
import { createModel } from '@inattention/model';
import { createWebGpuBackend } from '@inattention/webgpu';
import { expect, it } from 'vitest';
import { type GradientNumbers, numbersOf, text, worst } from '../test/gradient-numbers.ts';
import { seededTokens, smallConfig } from '../test/small-model.ts';
import { computeGradients } from './step/gradients.ts';

it('gradients by table row on WebGPU are those of the CPU', async () => {
  const webgpu = await createWebGpuBackend({ requireGpu: false });
  const cpu = await createCpuBackend({ threads: 1 });
  const texts = [text(seededTokens(1, 150), [3, 90, 147]), text(seededTokens(2, 12), [10])];
  for (const positionEmbeddingType of ['rope', 'alibi'] as const) {
    const numbers: GradientNumbers[] = [];
    for (const backend of [webgpu, cpu]) {
      const random = { seed: 3, deviation: 0.3, windowDeviation: 0.2 };
      using model = createModel(smallConfig({ positionEmbeddingType }), backend, random);
      const options = { context: 'tables', chunkLength: 64, checkpointedLayers: 1 } as const;
      numbers.push(await numbersOf(computeGradients(model, [{ texts }], options)));
    }
    const [got, expected] = numbers as [GradientNumbers, GradientNumbers];
    expect(got.loss).toBeCloseTo(expected.loss, 4);
    expect(worst(got.gradients, expected.gradients)).toBeLessThan(1e-3);
  }
  webgpu.dispose();
  cpu.dispose();
}, 60_000);
