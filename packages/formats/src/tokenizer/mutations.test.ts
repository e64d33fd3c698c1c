/** Mutated tokenizer files: they load and keep their promises, or are refused with an error of this project. */

import { InAttentionError } from '@inattention/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadTokenizer } from './json-tokenizer.ts';

const tokens = ['<unk>', '</s>', 'a', 'b', 'Ġ', 'ab', '▁', 'Ã', '©', '<0x0A>'];
const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
const shared = { added_tokens: [{ id: 1, content: '</s>', special: true }], post_processor: null };
const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
const files = [
  {
    ...shared,
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab, merges: [['a', 'b']], unk_token: null, byte_fallback: false },
  },
  {
    ...shared,
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    pre_tokenizer: { type: 'FixedLength', length: 5 },
    decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }, strip] },
    model: { type: 'BPE', vocab, merges: ['a b'], unk_token: '<unk>', fuse_unk: true, byte_fallback: true },
  },
  {
    ...shared,
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
    decoder: { type: 'Metaspace', replacement: '▁' },
    model: { type: 'Unigram', unk_id: 0, vocab: tokens.map((token, id) => [token, -id]) },
  },
].map((file) => JSON.stringify(file));

const replacements = [
  ...[
    undefined,
    null,
    0,
    -1,
    1.5,
    3,
    4_294_967_294,
    Number.POSITIVE_INFINITY,
    true,
    '',
    'a',
    '▁',
    {},
    [],
    [['a', 'b']],
  ],
  ...['ByteLevel', 'Metaspace', 'FixedLength', 'Sequence', 'BPE', 'Unigram'],
];
const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const changes = fc.array(fc.tuple(place, fc.constantFrom(...replacements)), { minLength: 1, maxLength: 3 });

/** Every place of a value within a JSON value: its container and its key. */
function places(json: unknown): [Record<string, unknown>, string][] {
  if (typeof json !== 'object' || json === null) return [];
  const container = json as Record<string, unknown>;
  return Object.keys(container).flatMap((key) => [[container, key], ...places(container[key])]);
}

const mutated = fc.tuple(fc.constantFrom(...files), changes).map(([file, list]) => {
  const json: unknown = JSON.parse(file);
  for (const [where, replacement] of list) {
    const found = places(json);
    const [container, key] = found[Math.floor(where * found.length)];
    container[key] = structuredClone(replacement);
  }
  return json;
});

function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (!InAttentionError.isInstance(error)) throw error;
    return null;
  }
}

it('loads and works, or refuses, for 3,000 mutated files', async () => {
  const outcomes = { loaded: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(mutated, async (json) => {
      const tokenizer = await loadTokenizer(json).catch((error: unknown) => {
        if (!InAttentionError.isInstance(error)) throw error;
        return null;
      });
      outcomes[tokenizer === null ? 'refused' : 'loaded'] += 1;
      if (tokenizer === null) return;
      const ids = attempt(() => tokenizer.encode('ab b</s> é\n'));
      for (const id of ids ?? []) expect(Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize).toBe(true);
      const all = Array.from({ length: Math.min(tokenizer.vocabSize, 20) }, (_, id) => id);
      expect(typeof (attempt(() => tokenizer.decode(all)) ?? '')).toBe('string');
      const stream = tokenizer.streamDecoder();
      attempt(() => all.map((id) => stream.push(id)).join('') + stream.flush());
    }),
    { numRuns: 3000 },
  );
  expect(outcomes.loaded).toBeGreaterThan(300);
  expect(outcomes.refused).toBeGreaterThan(300);
}, 60_000);
