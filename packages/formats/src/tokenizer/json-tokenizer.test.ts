import { InvalidArgumentError, InvalidFileError, UnsupportedError } from '@inattention/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadTokenizer } from './json-tokenizer.ts';

const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
const idsByToken = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]));
const pairs = (text: string) => text.split(', ').map((pair) => pair.split(' '));

/** The characters that stand for the 256 bytes, in the order of their codes. */
function byteAlphabet(): string[] {
  const codes = Array.from({ length: 0x144 }, (_, code) => code);
  const isPrintable = (code: number) => (code > 0x20 && code < 0x7f) || (code > 0xa0 && code !== 0xad);
  return codes.filter(isPrintable).map((code) => String.fromCharCode(code));
}

function byteLevel() {
  const merges = pairs(
    "a t, h e, t he, Ġ the, ' t, o n, Ġ c, v e, Ã ©, Ġ d, Ġ w, Ġc a, ' r, ' s, a z, a Ã, b r, c k, d on, f o, f Ã©, " +
      'h at, i t, i ck, j u, j Ã, l az, m p, m at, n aÃ, o g, o w, o ve',
  );
  const tokens = ['<|endoftext|>', ...byteAlphabet(), ...merges.map((pair) => pair.join(''))];
  return {
    added_tokens: [special(0, '<|endoftext|>')],
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: idsByToken(tokens), merges },
  };
}

function byteFallback() {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const tokens = [
    '<unk>',
    '<s>',
    '</s>',
    ...bytes,
    '▁',
    't',
    'h',
    'e',
    'a',
    'c',
    '▁t',
    'he',
    '▁the',
    'at',
    '▁c',
    '▁cat',
  ];
  return {
    added_tokens: [special(0, '<unk>'), special(1, '<s>'), special(2, '</s>')],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      vocab: idsByToken(tokens),
      merges: pairs('▁ t, h e, ▁t he, a t, ▁ c, ▁c at'),
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
    },
  };
}

function unigram() {
  const scores = { '<unk>': 0, '▁': -3, '▁the': -2, '▁cat': -2.5, s: -3.5, a: -4, t: -4, '▁sat': -3, é: -5 };
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };
  return {
    pre_tokenizer: metaspace,
    decoder: metaspace,
    model: { type: 'Unigram', unk_id: 0, vocab: Object.entries(scores) },
  };
}

function wordPiece() {
  return {
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      vocab: idsByToken(['[UNK]', 'the', 'cat', '##s', 'sat', '##ting', '.', ',']),
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
  };
}

// Ids and texts from the reference implementation (tokenizers 0.23.3 for Python) with the same four files.
it.each([
  ['byte-level', byteLevel, 'the cat sat', [259, 263, 257, 221, 83, 257], undefined],
  [
    'byte-level',
    byteLevel,
    " the  quick fox's\n\n",
    [260, 221, 221, 81, 85, 280, 221, 276, 88, 270, 199, 199],
    undefined,
  ],
  [
    'byte-level',
    byteLevel,
    'naïve 東京 🙂!',
    [286, 108, 264, 221, 163, 252, 110, 161, 119, 106, 221, 173, 254, 248, 225, 1],
    undefined,
  ],
  ['byte-level', byteLevel, '<|endoftext|>the</s>cats', [0, 259, 28, 15, 83, 30, 67, 257, 83], undefined],
  ['byte-level', byteLevel, "Ünïcödé don't", [128, 251, 78, 128, 108, 67, 128, 115, 68, 265, 266, 262, 261], undefined],
  ['byte fallback', byteFallback, 'the cat sat', [267, 270, 259, 118, 268], undefined],
  [
    'byte fallback',
    byteFallback,
    'naïve 東京 🙂!',
    [259, 113, 263, 198, 178, 121, 262, 259, 233, 160, 180, 231, 189, 175, 259, 243, 162, 156, 133, 36],
    undefined,
  ],
  ['byte fallback', byteFallback, ' a</s>cats', [259, 259, 263, 2, 270, 118], ' a</s> cats'],
  ['Unigram', unigram, 'the cat sat', [2, 3, 7], undefined],
  ['Unigram', unigram, " the  quick fox's\n\n", [2, 1, 1, 0, 1, 0, 4, 0], 'the  <unk> <unk>s<unk>'],
  ['WordPiece', wordPiece, 'the cats, sat.', [1, 2, 3, 7, 4, 6], undefined],
  ['WordPiece', wordPiece, 'The fox sat', [1, 0, 4], 'the [UNK] sat'],
])('%s: encodes and decodes as the reference does (%#)', async (_kind, file, text, ids, decoded = text) => {
  const tokenizer = await loadTokenizer(file());
  expect([...tokenizer.encode(text)]).toEqual(ids);
  expect(tokenizer.decode(ids)).toBe(decoded);
});

it('says what it is', async () => {
  const tokenizer = await loadTokenizer(byteLevel(), 'f1');
  expect(tokenizer).toMatchObject({ name: 'BPE, 290 tokens', vocabSize: 290, eosTokenIds: [0], fingerprint: 'f1' });
  expect(await loadTokenizer(byteLevel())).toMatchObject({
    fingerprint: (await loadTokenizer(byteLevel())).fingerprint,
  });
  expect((await loadTokenizer(unigram())).fingerprint).not.toBe((await loadTokenizer(wordPiece())).fingerprint);
});

it.each([
  ['byte-level', byteLevel],
  ['byte fallback', byteFallback],
  ['Unigram', unigram],
  ['WordPiece', wordPiece],
])('%s: nothing in, nothing out', async (_kind, file) => {
  const tokenizer = await loadTokenizer(file());
  expect([...tokenizer.encode('')]).toEqual([]);
  expect(tokenizer.decode([])).toBe('');
  expect(tokenizer.decode([-1, 0.5, 1e9, Number.NaN])).toBe('');
  expect(tokenizer.streamDecoder().flush()).toBe('');
});

it.each([
  ['byte-level', byteLevel],
  ['byte fallback', byteFallback],
  ['Unigram', unigram],
  ['WordPiece', wordPiece],
])('%s: a stream gives what decode gives, whatever the ids', async (_kind, file) => {
  const tokenizer = await loadTokenizer(file());
  const stream = tokenizer.streamDecoder(); // one for all: flush makes it new
  // Long enough for the window to move; runs of one id, and bytes (ids 3 to 258 of byte fallback) in any disorder.
  const id = fc.oneof(fc.nat({ max: tokenizer.vocabSize + 1 }), fc.integer({ min: 128, max: 258 }));
  const runs = fc.array(fc.tuple(id, fc.integer({ min: 1, max: 12 })), { maxLength: 40 });
  const ids = fc.oneof(
    fc.array(id, { maxLength: 120 }),
    runs.map((list) => list.flatMap(([one, n]) => Array<number>(n).fill(one))),
  );
  fc.assert(
    fc.property(ids, (list) => {
      const parts = list.map((one) => stream.push(one));
      expect(parts.join('') + stream.flush()).toBe(tokenizer.decode(list));
    }),
    { numRuns: 400 },
  );
});

it.each([
  ['byte-level', byteLevel],
  ['byte fallback', byteFallback],
])('%s: a stream gives text back whole, a character at a time', async (_kind, file) => {
  const tokenizer = await loadTokenizer(file());
  const text = fc.string({ unit: 'grapheme', maxLength: 60 }).map((any) => `a ${any}`);
  fc.assert(
    fc.property(text, (original) => {
      const stream = tokenizer.streamDecoder();
      const parts = [...tokenizer.encode(original)].map((id) => stream.push(id));
      for (const part of parts) expect(!/\p{Surrogate}/u.test(part) && !part.includes('\u{FFFD}')).toBe(true);
      expect(parts.join('') + stream.flush()).toBe(original);
    }),
    { numRuns: 300 },
  );
});

it('gives out a character with the id that completes it, and half of one only at the end', async () => {
  for (const [file, bytes] of [
    [byteLevel, [173, 254, 248, 225]], // 🙂
    [byteFallback, [243, 162, 156, 133]],
  ] as const) {
    const stream = (await loadTokenizer(file())).streamDecoder();
    expect(bytes.map((id) => stream.push(id))).toEqual(['', '', '', '🙂']);
    expect([stream.push(bytes[0]), stream.push(bytes[1]), stream.flush()]).toEqual(['', '', '\u{FFFD}']);
    expect(bytes.map((id) => stream.push(id)).join('')).toBe('🙂');
  }
});

it('keeps up with a stream of bytes that are no text', async () => {
  const stream = (await loadTokenizer(byteFallback())).streamDecoder();
  let text = '';
  for (let i = 0; i < 20_000; i += 1) text += stream.push(131); // a continuation byte
  expect(text + stream.flush()).toBe('\u{FFFD}'.repeat(20_000));
});

it('refuses a text it has no tokens for, instead of making ids up', async () => {
  const file = unigram();
  const tokenizer = await loadTokenizer({ ...file, model: { ...file.model, unk_id: null } });
  expect([...tokenizer.encode('the')]).toEqual([2]);
  expect(() => tokenizer.encode('xyz')).toThrow(InvalidArgumentError);
});

it('fills what a file may leave out', async () => {
  const { model } = byteLevel();
  const tokenizer = await loadTokenizer({
    model: { vocab: model.vocab, merges: model.merges.map((pair) => pair.join(' ')) },
  });
  expect([...tokenizer.encode('the')]).toEqual([259]);
});

const bpe = (model: object) => ({ model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [], ...model } });
it.each<[string, unknown, string]>([
  ['null', null, 'does not describe a tokenizer'],
  ['a list', [], 'does not describe a tokenizer'],
  ['no model', {}, 'does not describe a tokenizer'],
  ['no vocabulary', { model: { type: 'BPE', merges: [] } }, 'model.vocab is no object'],
  ['a negative id', bpe({ vocab: { a: -1 } }), 'impossible id. Got: -1'],
  ['a fractional id', bpe({ vocab: { a: 0.5 } }), 'impossible id'],
  ['an id that would take gigabytes', bpe({ vocab: { a: 4_294_967_294 } }), 'impossible id'],
  ['two tokens with one id', bpe({ vocab: { a: 0, b: 0 } }), 'two tokens share id 0. Got: "a" and "b"'],
  ['merges that are no list', bpe({ merges: {} }), 'model.merges is no list'],
  ['a merge of three', bpe({ merges: ['a b c'] }), 'merge 0 is no pair'],
  ['a merge of numbers', bpe({ merges: [[1, 2]] }), 'merge 0 is no pair'],
  ['merges of two kinds', bpe({ merges: ['a b', ['a', 'b']] }), 'merge 1 is no pair'],
  ['a merge of unknown tokens', bpe({ merges: ['a x'] }), 'merge 0 names a token that the vocabulary lacks'],
  ['a merge into nothing known', bpe({ merges: ['b a'] }), 'merge 0 names a token that the vocabulary lacks'],
  ['an empty Unigram vocabulary', { model: { type: 'Unigram', vocab: [] } }, 'no list of pieces'],
  ['a piece without a score', { model: { type: 'Unigram', vocab: [['a', 0], ['b']] } }, 'piece 1 is not usable'],
  ['added tokens that are no list', { ...bpe({}), added_tokens: {} }, 'added_tokens is no list'],
  ['an added token without content', { ...bpe({}), added_tokens: [{ id: 3 }] }, 'added token 0 is not usable'],
  ['an added token with a huge id', { ...bpe({}), added_tokens: [special(2 ** 31, 'x')] }, 'added token 0'],
  ['an unknown decoder', { ...bpe({}), decoder: { type: 'Magic' } }, 'The tokenizer cannot be read'],
  ['a decoder that is no object', { ...bpe({}), decoder: 7 }, 'The tokenizer cannot be read'],
  [
    'a broken regular expression',
    { ...bpe({}), pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } },
    'cannot be read',
  ],
])('refuses %s', async (_what, json, message) => {
  await expect(loadTokenizer(json)).rejects.toThrow(InvalidFileError);
  await expect(loadTokenizer(json)).rejects.toThrow(message);
});

it('refuses a kind of model it does not know', async () => {
  await expect(loadTokenizer({ model: { type: 'WordLevel', vocab: { a: 0 } } })).rejects.toThrow(UnsupportedError);
});
