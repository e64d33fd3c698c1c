/** A device that has no memory, which it says late: calls of a session fail by name, and leave it as it was. */

import { contextModes } from '@inattention/core/math';
import { createWebGpuBackend, openDevice } from '@inattention/webgpu';
import { watchDevice } from '@inattention/webgpu/testing';
import { describe, expect, test, vi } from 'vitest';
import { randomIds, smallConfigs, smallModel } from './small-models.ts';

vi.setConfig({ testTimeout: 120_000 });

for (const [name, config] of Object.entries(smallConfigs)) {
  describe(`${name}: buffers that get no memory`, () => {
    test.each(contextModes)('%s', async (context) => {
      const { device } = await openDevice();
      const watch = watchDevice(device);
      const backend = await createWebGpuBackend({ device });
      const model = smallModel(backend, config);
      const session = model.createSession({ context });
      const ids = randomIds(300, config.vocabSize, 2);
      await session.append(ids);
      const expected = await session.nextLogits();
      await session.prefill();
      const unchanged = async (what: string) => {
        expect([...session.tokens], what).toEqual(ids);
        expect(backend.ledger.snapshot().live, what).toEqual(live);
        const { liveTotal, reserved } = backend.ledger.snapshot();
        expect(liveTotal + reserved, what).toBe(watch.liveBytes);
      };
      const { live } = backend.ledger.snapshot();
      const changes = [
        () => session.append(randomIds(700, config.vocabSize, 3)),
        () => session.insert(5, randomIds(400, config.vocabSize, 4)),
      ];
      const questions = [() => session.nextLogits(), () => session.attentionWeights(0)];
      // Ids alone find room in the buffer that is there: nothing has to be asked of the device.
      for (const call of context === 'ids' ? questions : [...questions, ...changes]) {
        backend.trim(); // what was kept would do
        watch.refuseFrom(1);
        await expect(call(), String(call)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
        watch.refuseFrom(Number.POSITIVE_INFINITY);
        await unchanged(String(call));
      }
      expect(await session.nextLogits()).toEqual(expected);
      model.dispose();
      backend.trim();
      expect([backend.ledger.snapshot().liveTotal, watch.liveBytes]).toEqual([0, 0]);
      backend.dispose();
      device.destroy();
    });
  });
}
