import { InAttentionError, InvalidConfigError, InvalidFileError } from '@inattention/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expectedTensors } from './config/expected-tensors.ts';
import { parseConfig, serializeConfig } from './config/parse-config.ts';
import { parseJson } from './json/parse-json.ts';
import { openModelFiles } from './open-model-files.ts';
import { writeSafetensors } from './safetensors/writer.ts';
import type { ModelSource } from './sources/byte-source.ts';
import { filesInMemory } from './sources/memory-source.ts';

const fields = {
  model_type: 'inattention',
  vocab_size: 256,
  hidden_size: 4,
  intermediate_size: 6,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  initial_state_window: 2,
  position_embedding_type: 'rope',
  attention_types: ['inattention', 'self'],
  eos_token_id: [1, 2],
  bos_token_id: 0,
};
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** A folder with weights that fit the configuration; `files` replaces or, with null, removes. */
function folder(changes: object = {}, files: Record<string, Uint8Array | null> = {}, fill = 0.5): ModelSource {
  const config = { ...fields, ...changes };
  const tensors = [...expectedTensors(parseConfig(config))].map(([name, shape]) => {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    return { name, shape, data: new Float32Array(size).fill(fill) };
  });
  const all = new Map([
    ['config.json', json(config)],
    ['model.safetensors', writeSafetensors(tensors)],
  ]);
  for (const [name, bytes] of Object.entries(files)) {
    if (bytes === null) all.delete(name);
    else all.set(name, bytes);
  }
  return filesInMemory(all, 'tiny');
}
const tokenizerFile = (tokens: number) => {
  const vocab = Object.fromEntries(Array.from({ length: tokens }, (_, id) => [`t${id}`, id]));
  return json({ model: { type: 'BPE', vocab, merges: [] } });
};

it('opens configuration, weights and tokenizer in one call', async () => {
  const { config, weights, tokenizer, fingerprint } = await openModelFiles(folder());
  expect(config).toMatchObject({ vocabSize: 256, headDim: 2, attentionTypes: ['inattention', 'self'] });
  expect([...(await weights.read('model.norm.weight'))]).toEqual([0.5, 0.5, 0.5, 0.5]);
  expect(tokenizer?.name).toBe('UTF-8 bytes');
  expect(fingerprint).toMatch(/^[0-9a-f]{16}$/);
});

it('chooses the tokenizer: the file, else bytes for 256 ids and bytes with an end for 257, else none', async () => {
  const name = async (model: ModelSource) => (await openModelFiles(model)).tokenizer?.name;
  expect(await name(folder({}, { 'tokenizer.json': tokenizerFile(3) }))).toBe('BPE, 3 tokens');
  expect(await name(folder({ vocab_size: 257 }))).toBe('UTF-8 bytes and an end of text');
  expect(await name(folder({ vocab_size: 300 }))).toBeUndefined();
});

it('refuses a tokenizer that is broken or larger than the vocabulary; it never gives way to bytes', async () => {
  const broken = folder({}, { 'tokenizer.json': json({ model: null }) });
  await expect(openModelFiles(broken)).rejects.toThrow(InvalidFileError);
  const large = folder({}, { 'tokenizer.json': tokenizerFile(257) });
  await expect(openModelFiles(large)).rejects.toThrow(InvalidConfigError);
  await expect(openModelFiles(large)).rejects.toThrow('tokenizer.json has more tokens than the model');
});

it('tells models apart by configuration, layout and weights, not by the wording of config.json or the file order', async () => {
  const fingerprint = async (model: ModelSource) => (await openModelFiles(model)).fingerprint;
  const first = await fingerprint(folder());
  expect(await fingerprint(folder({}, { 'config.json': json({ torch_dtype: 'float32', ...fields }) }))).toBe(first);
  expect(await fingerprint(folder({ rope_theta: 500 }))).not.toBe(first);
  expect(await fingerprint(folder({ initial_state_window: 3 }))).not.toBe(first);
  expect(await fingerprint(folder({}, {}, 0.25))).not.toBe(first);
});

it.each<[string, ModelSource, string]>([
  ['no config.json', folder({}, { 'config.json': null }), 'tiny has no config.json'],
  [
    'a config.json that is no JSON',
    folder({}, { 'config.json': Uint8Array.of(0x7b) }),
    'config.json is not valid JSON',
  ],
  ['no weights', folder({}, { 'model.safetensors': null }), 'tiny has no weights'],
  [
    'weights of another size',
    folder({}, { 'config.json': json({ ...fields, hidden_size: 8 }) }),
    'contradicts the weights',
  ],
  [
    'weights of a deeper model',
    folder({}, { 'config.json': json({ ...fields, num_hidden_layers: 1, attention_types: 'self' }) }),
    'does not call for',
  ],
  [
    'weights without a window',
    folder({ initial_state_window: 1 }, { 'config.json': json(fields) }),
    '"model.initial_state.weight"',
  ],
])('refuses %s', async (_what, model, message) => {
  const error: unknown = await openModelFiles(model).catch((cause: unknown) => cause);
  expect(InAttentionError.isInstance(error)).toBe(true);
  expect(String(error)).toContain(message);
});

it('checks everything before it reads any weight', async () => {
  const whole = folder();
  const weightReads: number[] = [];
  const watched = (model: ModelSource): ModelSource => ({
    name: model.name,
    async open(path) {
      const source = await model.open(path);
      if (source === null || path !== 'model.safetensors') return source;
      const header = 8 + new DataView((await source.read(0, 8)).buffer).getUint32(0, true);
      return {
        ...source,
        read(start, end, signal) {
          if (end > header) weightReads.push(end - start);
          return source.read(start, end, signal);
        },
      };
    },
  });
  await expect(openModelFiles(watched(folder({}, { 'tokenizer.json': json([]) })))).rejects.toThrow(InvalidFileError);
  expect(weightReads).toEqual([]);
  await openModelFiles(watched(whole)); // the samples of the fingerprint
  expect(weightReads).toHaveLength(3);
  expect(Math.max(...weightReads)).toBeLessThanOrEqual(4096);
});

it('heeds a signal before it starts', async () => {
  await expect(openModelFiles(folder(), { signal: AbortSignal.abort() })).rejects.toThrow('was cancelled');
});

it('reads a valid configuration or refuses, for 12,000 config.json with changed bytes', () => {
  const text = JSON.stringify(fields, null, 1);
  const place = fc.nat({ max: text.length });
  const pieces = [
    '',
    '"',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '\\',
    '0',
    '-',
    '-0',
    '9',
    '1e9',
    '.5',
    'null',
    'true',
    '"self"',
    '"__proto__":1,',
    '\u{0}',
    'é',
    '"vocab_size":8,',
  ];
  const edit = fc.tuple(place, fc.nat({ max: 4 }), fc.constantFrom(...pieces));
  const edited = fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) => {
    let changed = text;
    for (const [start, removed, piece] of edits)
      changed = changed.slice(0, start) + piece + changed.slice(start + removed);
    return new TextEncoder().encode(changed);
  });
  const numbers = [...text.matchAll(/\d+(e-\d+)?/g)];
  const swap = fc.tuple(
    fc.constantFrom(...numbers),
    fc.constantFrom(
      '0',
      '-0',
      '-1',
      '1',
      '2',
      '3',
      '4',
      '7',
      '1.5',
      '4096',
      '1048576',
      '1e30',
      '9007199254740993',
      'null',
      '"2"',
      '[]',
      '{}',
      'false',
    ),
  );
  const swapped = swap.map(([match, value]) =>
    new TextEncoder().encode(text.slice(0, match.index) + value + text.slice(match.index + match[0].length)),
  );
  const flipped = fc.array(fc.tuple(place, fc.nat({ max: 7 })), { minLength: 1, maxLength: 3 }).map((flips) => {
    const bytes = new TextEncoder().encode(text);
    for (const [index, bit] of flips) bytes[index % bytes.length] ^= 1 << bit;
    return bytes;
  });
  const cut = place.map((length) => new TextEncoder().encode(text.slice(0, length)));
  const outcomes = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(fc.oneof(edited, swapped, flipped, cut), (bytes) => {
      let config: ReturnType<typeof parseConfig>;
      try {
        config = parseConfig(parseJson(bytes, { name: 'config.json', uniqueKeys: true }));
      } catch (error) {
        if (!InAttentionError.isInstance(error)) throw error;
        outcomes.refused += 1;
        return;
      }
      outcomes.accepted += 1;
      const { numAttentionHeads, numKeyValueHeads, headDim, vocabSize, eosTokenIds, bosTokenId } = config;
      expect(numAttentionHeads % numKeyValueHeads).toBe(0);
      if (config.positionEmbeddingType === 'rope') expect(headDim % 2).toBe(0);
      expect(config.attentionTypes).toHaveLength(config.numHiddenLayers);
      for (const id of [...eosTokenIds, bosTokenId ?? 0]) expect(id >= 0 && id < vocabSize).toBe(true);
      for (const shape of expectedTensors(config).values()) {
        expect(shape.every((dimension) => Number.isSafeInteger(dimension) && dimension > 0)).toBe(true);
      }
      expect(parseConfig(JSON.parse(JSON.stringify(serializeConfig(config))))).toEqual(config);
    }),
    { numRuns: 12_000 },
  );
  expect(outcomes.accepted).toBeGreaterThan(500);
  expect(outcomes.refused).toBeGreaterThan(5000);
}, 60_000);
