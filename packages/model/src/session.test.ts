import { describe, expect, test } from 'vitest';
import { makeModel } from '../test/small-model.ts';

describe('Session', () => {
  test('losses are −log softmax of the logits, at any positions in any order', async () => {
    const { backend, model } = await makeModel({ attentionTypes: ['inattention', 'self'] });
    using session = model.createSession({ context: 'states' });
    await session.append('It is not down in any map');
    const positions = [24, 0, 7, 7];
    const targets = [32, 116, 255, 0];
    const losses = await session.lossAt(positions, targets);
    const logits = await session.logitsAt(positions);
    positions.forEach((_, row) => {
      const own = logits[row] as Float32Array;
      const total = Math.log(own.reduce((sum, logit) => sum + Math.exp(logit), 0));
      expect(losses[row]).toBeCloseTo(total - (own[targets[row] as number] as number), 4);
    });
    expect(logits[2]).toEqual(logits[3]);
    model.dispose();
    backend.dispose();
  });

  test('calls are taken in order, and work queued before dispose fails readably', async () => {
    const { backend, model } = await makeModel();
    const session = model.createSession();
    const work = [session.append('true'), session.append(' places'), session.remove(0, 5), session.nextLogits()];
    await Promise.all(work);
    expect(model.decode(session.tokens)).toBe('places');
    const queued = session.append('never are');
    session.dispose();
    await expect(queued).rejects.toMatchObject({ code: 'DISPOSED' });
    model.dispose();
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
    await expect(async () => model.createSession()).rejects.toMatchObject({ code: 'DISPOSED' });
    backend.dispose();
  });

  test('auto takes the planned mode, and one that the budget allows', async () => {
    const { backend, model } = await makeModel();
    const planned = model.plan({ tokens: 300 });
    expect(model.createSession({ expectedTokens: 300 }).mode).toBe(planned.chosen);
    const ids = planned.rows.find(({ mode }) => mode === 'ids');
    expect(model.createSession({ expectedTokens: 300, budget: ids?.contextBytes ?? 0 }).mode).toBe('ids');
    expect(() => model.createSession({ expectedTokens: 300, budget: 10 })).toThrow(/budget/);
    model.dispose();
    backend.dispose();
  });

  test('weights that change are noticed: tables and caches are made again', async () => {
    const { backend, model } = await makeModel({ attentionTypes: ['inattention', 'self'] });
    for (const context of ['kv', 'tables', 'states', 'ids'] as const) {
      using session = model.createSession({ context });
      await session.append('for there you have been');
      const before = await session.nextLogits();
      const { key } = model.weights.layers[0] as (typeof model.weights.layers)[number];
      const data = await key.readFloat32();
      key.write(data.map((value) => -value));
      model.contextModel.invalidate();
      const after = await session.nextLogits();
      expect(after).not.toEqual(before);
      using fresh = model.createSession({ context });
      await fresh.append('for there you have been');
      expect(await fresh.nextLogits()).toEqual(after);
    }
    model.dispose();
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
    backend.dispose();
  });

  test('a refused append takes no rows from the table, not even those nobody uses', async () => {
    const changes = { vocabSize: 600, positionEmbeddingType: 'learned', maxPositionEmbeddings: 4200 } as const;
    const { backend, model } = await makeModel(changes);
    const session = model.createSession({ context: 'tables' });
    await session.append([1, 2, 3, 4, 5]);
    await session.remove(0, 5);
    const table = model.contextModel.table('f32');
    expect(table.countSeen([1, 2, 3, 4, 5])).toBe(5);
    // The first piece of 4,096 is taken, and taken back when the second one is refused.
    await expect(session.append(new Int32Array(4201))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect([session.length, table.countSeen([1, 2, 3, 4, 5]), table.countSeen([0])]).toEqual([0, 5, 0]);
    model.dispose();
    backend.dispose();
  });

  test('disposed of in the middle of its work, it leaves nothing behind', async () => {
    const { backend, model } = await makeModel({ attentionTypes: ['inattention', 'self'] });
    const before = backend.ledger.snapshot();
    for (const context of ['kv', 'tables', 'states', 'ids'] as const) {
      const session = model.createSession({ context });
      await session.append(new Int32Array(600).fill(7));
      const work = session.nextLogits({ onProgress: () => session.dispose() });
      await expect(work).rejects.toMatchObject({ code: 'DISPOSED' });
      const other = model.createSession({ context });
      const append = other.append(new Int32Array(5000), { onProgress: () => other.dispose() });
      await expect(append).rejects.toMatchObject({ code: 'DISPOSED' });
      const { live, host } = backend.ledger.snapshot();
      expect({ ...live, table: 0, host }).toEqual({ ...before.live, host: 0 });
    }
    model.dispose();
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
    backend.dispose();
  });
});
