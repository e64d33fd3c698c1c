import { OutOfMemoryError } from '@inattention/core';
import type { ContextMode, ModelConfig } from '@inattention/core/math';
import { describe, expect, test } from 'vitest';
import { makeModel } from '../test/small-model.ts';
import type { Model } from './model.ts';
import { Session } from './session.ts';

const modes: readonly ContextMode[] = ['kv', 'tables', 'states', 'ids'];
const text = Int32Array.from({ length: 700 }, (_, position) => (position * position * 31 + 7 * position) % 256);

const models: Record<string, Partial<ModelConfig>> = {
  rope: {},
  alibi: { positionEmbeddingType: 'alibi' },
  learned: { positionEmbeddingType: 'learned', maxPositionEmbeddings: 700 },
  'a self layer last': { attentionTypes: ['inattention', 'self'] },
  'a self layer in the middle, learned positions': {
    numHiddenLayers: 3,
    attentionTypes: ['inattention', 'self', 'inattention'],
    positionEmbeddingType: 'learned',
    maxPositionEmbeddings: 700,
  },
  'no window': { initialStateWindow: 1, attentionTypes: ['inattention', 'self'] },
};

/** Sessions of every mode and of lengths around page edges, with a fork that has gone on and one that has not. */
async function makeSessions(model: Model): Promise<Session[]> {
  const sessions: Session[] = [];
  for (const [order, length] of [1, 2, 255, 256, 257, 600, 40, 9].entries()) {
    const session = model.createSession({ context: modes[order % modes.length] as ContextMode });
    await session.append(text.subarray(order, order + length));
    sessions.push(session);
  }
  const parent = sessions[5] as Session;
  await parent.nextLogits();
  const [ahead, same] = [await parent.fork(), await parent.fork()];
  await ahead.append([4]);
  return [...sessions, ahead, same];
}

/** Logits of a fresh session of its own. */
async function alone(session: Session): Promise<Float32Array> {
  using fresh = session.model.createSession({ context: session.mode });
  await fresh.append(session.tokens);
  return await fresh.nextLogits();
}

function expectNear(got: readonly Float32Array[], expected: readonly Float32Array[]): void {
  expect(got).toHaveLength(expected.length);
  got.forEach((row, order) => {
    const reference = expected[order] as Float32Array;
    const size = reference.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
    const error = row.reduce((most, logit, id) => Math.max(most, Math.abs(logit - (reference[id] as number))), 0);
    expect(size).toBeGreaterThan(0.3);
    expect(error / size, `session ${order}`).toBeLessThan(2e-5);
  });
}

describe.each(Object.entries(models))('steps of several sessions: %s', (_, changes) => {
  test('every mode, any lengths and forks together equal each alone, step after step', async () => {
    const { backend, model } = await makeModel(changes);
    const sessions = await makeSessions(model);
    for (const step of [0, 1, 2]) {
      const expected = await Promise.all(sessions.map(alone));
      expectNear(await Session.nextLogits(sessions), expected);
      await Promise.all(sessions.map((session, order) => session.append([(order * 50 + step) % 256])));
    }
    // Sessions that went through a batch go on by themselves, at any position.
    for (const session of sessions) expectNear([await session.nextLogits()], [await alone(session)]);
    const [last] = (await (sessions[5] as Session).logitsAt([602])) as [Float32Array];
    expectNear([last], [await alone(sessions[5] as Session)]);
    model.dispose();
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
    backend.dispose();
  });
});

describe('a step of several sessions', () => {
  test('that fails, at whichever allocation or on reading, leaves every session as it was', async () => {
    const { backend, model } = await makeModel({ attentionTypes: ['inattention', 'self'] });
    const sessions = await makeSessions(model);
    await Session.nextLogits(sessions);
    await Promise.all(sessions.map((session) => session.append([9])));
    const state = () => [
      backend.ledger.snapshot().live,
      sessions.map(({ length, contextBytes }) => [length, contextBytes]),
    ];
    const before = structuredClone(state());
    const { allocate, read } = backend;
    let failures = 0;
    for (let allowed = 0; ; allowed += 1) {
      let left = allowed;
      backend.allocate = (bytes, purpose) => {
        if (left === 0) throw new OutOfMemoryError({ what: 'Full.', requestedBytes: bytes, availableBytes: 0 });
        left -= 1;
        return allocate.call(backend, bytes, purpose);
      };
      const failed = await Session.nextLogits(sessions).then(
        () => false,
        () => true,
      );
      if (!failed) break;
      failures += 1;
      expect(state()).toEqual(before);
    }
    expect(failures).toBeGreaterThan(50);
    backend.allocate = allocate;
    await Promise.all(sessions.map((session) => session.append([10])));
    const later = structuredClone(state());
    backend.read = () => Promise.reject(new OutOfMemoryError({ what: 'Late.', requestedBytes: 1, availableBytes: 0 }));
    await expect(Session.nextLogits(sessions)).rejects.toMatchObject({ what: 'Late.' });
    expect(state()).toEqual(later);
    backend.read = read;
    expectNear(await Session.nextLogits(sessions), await Promise.all(sessions.map(alone)));
    model.dispose();
    backend.dispose();
  });

  test('refuses what does not go together, with nothing done', async () => {
    const [{ backend, model }, other] = [await makeModel(), await makeModel()];
    const [a, b, empty] = [model.createSession(), model.createSession(), model.createSession()];
    const foreign = other.model.createSession();
    for (const session of [a, b, foreign]) await session.append('one');
    for (const sessions of [
      [a, a],
      [a, foreign],
      [a, empty],
    ]) {
      await expect(Session.nextLogits(sessions)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(await Session.nextLogits([])).toEqual([]);
    await expect(Session.nextLogits([a, b], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    b.dispose();
    await expect(Session.nextLogits([a, b])).rejects.toMatchObject({ code: 'DISPOSED' });
    expect(await a.nextLogits()).toHaveLength(256);
    for (const { model: used, backend: device } of [{ backend, model }, other]) {
      used.dispose();
      device.dispose();
    }
  });

  test('logits that are no numbers are an error', async () => {
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const { backend, model } = await makeModel({ tieWordEmbeddings: false });
      const [a, b] = [model.createSession(), model.createSession()];
      for (const session of [a, b]) await session.append('one');
      const head = await model.weights.head.readFloat32();
      head[77] = broken;
      model.weights.head.write(head);
      await expect(Session.nextLogits([a, b])).rejects.toMatchObject({ code: 'NON_FINITE' });
      await expect(a.nextLogits()).rejects.toMatchObject({ code: 'NON_FINITE' });
      model.dispose();
      backend.dispose();
    }
  });

  test('takes its turn among the calls of each session, and crossing batches do not wait for each other', async () => {
    const { backend, model } = await makeModel();
    const [a, b] = [model.createSession(), model.createSession()];
    const work = [a.append('one'), b.append('two'), Session.nextLogits([a, b]), Session.nextLogits([b, a])] as const;
    const later = [a.append(' more'), b.remove(0, 2)];
    const [, , forth, back] = await Promise.all(work);
    expectNear(forth, [back[1] as Float32Array, back[0] as Float32Array]);
    await Promise.all(later);
    expect([a.length, b.length]).toEqual([8, 1]);
    model.dispose();
    backend.dispose();
  });
});
