import { createRequire } from 'node:module';
import { MessageChannel } from 'node:worker_threads';
import { createCpuBackend } from '@inattention/cpu';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LosableBackend, losableBackend } from '../../test/losable-backend.ts';
import { makeModel, modelFiles } from '../../test/small-model.ts';
import { generate } from '../generation/generate.ts';
import { connectModels, type WorkerModels } from './connect-models.ts';
import { serveModels } from './serve-models.ts';

const nodeEndpoint = createRequire(import.meta.url)('comlink/dist/umd/node-adapter.js') as (port: unknown) => never;

/** Both sides in one process, over a real message channel: everything is cloned on its way. */
let channel: MessageChannel;
let models: WorkerModels;

beforeEach(() => {
  channel = new MessageChannel();
  serveModels({
    candidates: [{ name: 'cpu', create: () => createCpuBackend() }],
    endpoint: nodeEndpoint(channel.port1),
  });
  models = connectModels(nodeEndpoint(channel.port2));
});

afterEach(() => {
  channel.port1.close();
  channel.port2.close();
});

describe('models in a worker', () => {
  test('load takes what weights are kept in, and refuses what a backend lacks', async () => {
    const half = await models.load({ bytes: modelFiles() }, { weightDType: 'f16', tableBudget: 1e6 });
    expect(half.description.weightDType).toBe('f16');
    const plain = await models.load({ bytes: modelFiles() });
    expect(plain.description.weightDType).toBe('f32');
    const wrong = { weightDType: 'q4' as 'f16' };
    await expect(models.load({ bytes: modelFiles() }, wrong)).rejects.toMatchObject({ code: 'UNSUPPORTED', got: 'q4' });
  });

  test('load, append, edit, fork, save and generate as in the page itself', async () => {
    const progress: number[] = [];
    const model = await models.load({ bytes: modelFiles() }, { onProgress: ({ done }) => progress.push(done) });
    expect(model.description).toMatchObject({ backend: 'cpu', tokenizerName: 'UTF-8 bytes' });
    expect(await model.decode(await model.encode('Ahab'))).toBe('Ahab');
    const ids = await model.encode('Ahab');
    expect((await model.decodeEach(ids)).join('')).toBe('Ahab');
    expect(await model.decodeEach(ids)).toHaveLength(ids.length);
    const session = await model.createSession({ context: 'tables' });
    await session.append('Call me Ishmael.');
    await session.replace(8, 7, 'Ahab');
    expect(session.length).toBe(13);
    const fork = await session.fork();
    await fork.append('!');
    expect([session.length, fork.length]).toEqual([13, 14]);
    const remote: number[] = [];
    for await (const { token } of session.generate({ maxTokens: 6 })) remote.push(token);
    expect(session.length).toBe(19);

    const local = await makeModel();
    const own = local.model.createSession({ context: 'tables' });
    await own.append('Call me Ahab.');
    const expected: number[] = [];
    for await (const { token } of generate(own, { maxTokens: 6 })) expected.push(token);
    expect(remote).toEqual(expected);
    expect(session.contextBytes).toBe(own.contextBytes);
    const weights = await session.attentionWeights(1);
    expect(weights[0]?.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 4);
    const restored = await model.restoreSession(await session.save());
    expect(restored.length).toBe(19);
    expect(progress.length).toBeGreaterThan(0);
    await model.dispose();
    local.model.dispose();
  });

  test('errors arrive whole', async () => {
    const model = await models.load({ bytes: modelFiles() });
    const session = await model.createSession();
    await expect(session.append([1, 2.5])).rejects.toMatchObject({ code: 'TOKEN_OUT_OF_RANGE', got: '-1' });
    await expect(session.logitsAt([0])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      fix: 'append a prompt first',
    });
    await expect(models.load({ bytes: new Map() })).rejects.toMatchObject({ code: 'INVALID_FILE' });
    await model.dispose();
    await expect(session.nextLogits()).rejects.toMatchObject({ code: 'DISPOSED' });
  });

  test('a device that is lost gives way to another', async () => {
    const devices: LosableBackend[] = [];
    const create = async () => {
      const device = losableBackend(await createCpuBackend({ threads: 1 }));
      devices.push(device);
      return device.backend;
    };
    const line = new MessageChannel();
    serveModels({ candidates: [{ name: 'a GPU', create }], endpoint: nodeEndpoint(line.port1) });
    const model = await connectModels(nodeEndpoint(line.port2)).load({ bytes: modelFiles() });
    const other = await connectModels(nodeEndpoint(line.port2)).load({ bytes: modelFiles() });
    const [session, witness, late] = await Promise.all([model, model, other].map((one) => one.createSession()));
    if (session === undefined || witness === undefined || late === undefined) throw new Error('no sessions');
    for (const one of [session, witness, late]) await one.append('Call me');
    const tokens = async (generated: AsyncIterable<{ token: number }>, losesAt = -1) => {
      const list: number[] = [];
      for await (const { token } of generated) {
        list.push(token);
        if (list.length === losesAt) devices.at(-1)?.loseAfter(40);
      }
      return list;
    };
    const expected = await tokens(witness.generate({ maxTokens: 5 }));
    expect(await tokens(session.generate({ maxTokens: 5 }), 2)).toEqual(expected);
    expect(devices.length).toBe(2);
    await expect(late.append('x')).rejects.toMatchObject({ code: 'BACKEND_LOST' });
    await late.recover();
    await late.append('x');
    expect([devices.length, late.length, session.length]).toEqual([2, 8, 12]);
    line.port1.close();
    line.port2.close();
  });

  test('an abort signal reaches the worker', async () => {
    const model = await models.load({ bytes: modelFiles() });
    const session = await model.createSession({ context: 'kv' });
    const controller = new AbortController();
    const ids = Array.from({ length: 100_000 }, (_, i) => i % 256);
    const options = { signal: controller.signal, onProgress: () => controller.abort() };
    await expect(session.append(ids, options)).rejects.toMatchObject({ code: 'ABORTED', name: 'AbortError' });
    await session.append('still here');
    expect(session.length).toBe(10);
    await expect(session.append('x', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
    await model.dispose();
  });
});
