import { InAttentionError } from '@inattention/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
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

test('damaged bytes are a session or an error of this project', () => {
  const bytes = serializeSession(saved);
  const mutation = fc.record({ at: fc.nat(bytes.length - 1), value: fc.nat(255), cut: fc.nat(bytes.length) });
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.boolean(), (mutations, truncate) => {
      let copy = bytes.slice();
      for (const { at, value } of mutations) copy[at] = value;
      if (truncate) copy = copy.slice(0, mutations[0]?.cut);
      try {
        expect(parseSession(copy).ids).toBeInstanceOf(Int32Array);
      } catch (error) {
        expect(InAttentionError.isInstance(error, 'INVALID_FILE')).toBe(true);
      }
    }),
    { numRuns: 5000 },
  );
});
