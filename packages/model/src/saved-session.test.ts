import { InAttentionError } from '@inattention/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { config, makeModel } from '../test/small-model.ts';
import { createModel } from './create-model.ts';
import { Sampler } from './sampling/sampler.ts';
import { parseSession, type SavedSession, serializeSession } from './saved-session.ts';

const saved: SavedSession = {
  version: 1,
  model: 'abc',
  tokenizer: null,
  mode: 'tables',
  dtype: 'f16',
  ids: Int32Array.of(1, 2, 3, 70_000),
  sampler: new Sampler({ temperature: 0.5, seed: 3 }).state,
};

test('a session comes back from its bytes, a few of them per id', () => {
  expect(parseSession(serializeSession(saved))).toEqual(saved);
  const long = { ...saved, ids: new Int32Array(10_000) };
  expect(serializeSession(long).length).toBeLessThan(10_000 * 4 + 1000);
});

/** The bytes of `saved` with its header changed. */
function withHeader(change: (header: Record<string, unknown>) => unknown): Uint8Array {
  const bytes = serializeSession(saved);
  const length = new DataView(bytes.buffer).getUint32(8, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + length))) as Record<string, unknown>;
  const changed = new TextEncoder().encode(JSON.stringify(change(header)));
  const start = Math.ceil((12 + changed.length) / 4) * 4;
  const result = new Uint8Array(start + saved.ids.length * 4);
  result.set(bytes.subarray(0, 8));
  new DataView(result.buffer).setUint32(8, changed.length, true);
  result.set(changed, 12);
  result.set(bytes.subarray(bytes.length - saved.ids.length * 4), start);
  return result;
}

const sampler = saved.sampler as NonNullable<SavedSession['sampler']>;

test.each<[string, (header: Record<string, unknown>) => unknown]>([
  ['another version', (header) => ({ ...header, version: 2 })],
  ['no model', ({ model: _, ...header }) => header],
  ['a tokenizer that is a number', (header) => ({ ...header, tokenizer: 1 })],
  ['an unknown mode', (header) => ({ ...header, mode: 'toString' })],
  ['an unknown dtype', (header) => ({ ...header, dtype: 'f64' })],
  ['a wrong count', (header) => ({ ...header, count: 3 })],
  ['an impossible count', (header) => ({ ...header, count: -1 })],
  ['no object', () => [1]],
  ['nothing', () => null],
  ['a sampler without options', (header) => ({ ...header, sampler: { random: sampler.random } })],
  ['a sampling option that is a text', (header) => ({ ...header, sampler: bad({ topK: '1' }) })],
  ['a sampling option out of range', (header) => ({ ...header, sampler: bad({ temperature: -1 }) })],
  ['one option too many', (header) => ({ ...header, sampler: bad({ extra: 1 }) })],
  ['a random state out of range', (header) => ({ ...header, sampler: { ...sampler, random: [1, 2, 3, 2 ** 40] } })],
  ['no random state', (header) => ({ ...header, sampler: { ...sampler, random: [0, 0, 0, 0] } })],
])('refuses a header with %s', (_, change) => {
  expect(parseSession(withHeader((header) => header))).toEqual(saved);
  expect(() => parseSession(withHeader(change))).toThrow(expect.objectContaining({ code: 'INVALID_FILE' }));
});

function bad(options: object) {
  return { ...sampler, options: { ...sampler.options, ...options } };
}

test('a session comes back from bytes anywhere in a buffer, whatever is in it', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 });
  const ids = fc.array(fc.nat(2 ** 31 - 1), { maxLength: 50 }).map((list) => Int32Array.from(list));
  fc.assert(
    fc.property(text, fc.option(text), ids, fc.nat(3), (model, tokenizer, list, shift) => {
      const session = { ...saved, model, tokenizer, ids: list };
      const bytes = serializeSession(session);
      const moved = new Uint8Array(bytes.length + shift + 2);
      moved.set(bytes, shift);
      expect(parseSession(moved.subarray(shift, shift + bytes.length))).toEqual(session);
    }),
  );
});

test('damaged bytes are a session or an error of this project', () => {
  const bytes = serializeSession(saved);
  const mutation = fc.record({ at: fc.nat(bytes.length - 1), value: fc.nat(255), cut: fc.nat(bytes.length) });
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.boolean(), (mutations, truncate) => {
      let copy = bytes.slice();
      for (const { at, value } of mutations) copy[at] = value;
      if (truncate) copy = copy.slice(0, mutations[0]?.cut);
      try {
        const session = parseSession(copy);
        expect(session.ids).toBeInstanceOf(Int32Array);
        if (session.sampler !== undefined) Sampler.restore(session.sampler);
      } catch (error) {
        expect(InAttentionError.isInstance(error, 'INVALID_FILE')).toBe(true);
      }
    }),
    { numRuns: 5000 },
  );
});

describe('a model', () => {
  test('restores a session and its sampler, whose draws go on', async () => {
    const { model } = await makeModel();
    const session = model.createSession({ context: 'states' });
    await session.append('Call me Ishmael');
    const drawn = new Sampler({ temperature: 1, seed: 5 });
    drawn.sample(await session.nextLogits(), session.tokens);
    const kept = parseSession(serializeSession(await session.save(drawn)));
    const restored = await model.restoreSession(kept);
    expect([restored.mode, restored.dtype]).toEqual(['states', 'f32']);
    expect(restored.tokens).toEqual(session.tokens);
    const logits = await restored.nextLogits();
    expect(logits).toEqual(await session.nextLogits());
    const again = Sampler.restore(kept.sampler as NonNullable<SavedSession['sampler']>);
    expect(again.sample(logits, restored.tokens)).toEqual(drawn.sample(logits, session.tokens));
    const other = await model.restoreSession(kept, { context: 'kv' });
    expect(other.mode).toBe('kv');
    model.dispose();
  });

  test('refuses sessions of other models and tokenizers, ids it lacks, and leaves nothing behind', async () => {
    const { backend, model } = await makeModel();
    const session = model.createSession();
    await session.append('Call me');
    const kept = await session.save();
    const before = backend.ledger.snapshot().liveTotal;
    const file = { code: 'INVALID_FILE' };
    await expect(model.restoreSession({ ...kept, model: 'other' })).rejects.toMatchObject({ ...file, got: 'other' });
    await expect(model.restoreSession({ ...kept, tokenizer: null })).rejects.toMatchObject({ ...file, got: 'null' });
    for (const id of [-1, 256]) {
      const broken = { ...kept, ids: Int32Array.of(1, id) };
      await expect(model.restoreSession(broken)).rejects.toMatchObject({ code: 'TOKEN_OUT_OF_RANGE' });
    }
    const stopped = model.restoreSession(kept, { signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(model.restoreSession(kept, { budget: 1 })).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' });
    expect(backend.ledger.snapshot().liveTotal).toBe(before);
    model.dispose();
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
  });

  test('made with another configuration, seed or deviation is another model', async () => {
    const { backend } = await makeModel();
    const fingerprints = await Promise.all([
      createModel(config, backend).fingerprint(),
      createModel(config, backend, { seed: 1 }).fingerprint(),
      createModel(config, backend, { deviation: 0.1 }).fingerprint(),
      createModel(config, backend, { windowDeviation: 0.1 }).fingerprint(),
      createModel({ ...config, rmsNormEps: 1e-6 }, backend).fingerprint(),
    ]);
    expect(new Set(fingerprints).size).toBe(fingerprints.length);
    expect(await createModel(config, backend, { seed: 0, tableBudget: 1000 }).fingerprint()).toBe(fingerprints[0]);
    backend.dispose();
  });
});
