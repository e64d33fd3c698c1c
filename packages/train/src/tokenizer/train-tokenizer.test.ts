import * as library from '@huggingface/tokenizers';
import { AbortedError, InvalidArgumentError } from '@inattention/core';
import { loadTokenizer, type Tokenizer } from '@inattention/formats';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { serializeTokenizer } from './tokenizer-json.ts';
import { type TokenizerProgress, trainTokenizer } from './train-tokenizer.ts';

const seuss = [
  'the cat sat on the mat',
  "that's the cat's hat",
  'a naïve cat — 東京 東京 東京',
  'aaaa aaaaaaa aaa\n\n\n\nb',
];

/** What is used of the library, whose own declarations do not resolve here. */
interface LibraryTokenizer {
  encode(text: string): { ids: number[] };
  decode(ids: number[], options: object): string;
}

async function both(texts: readonly string[], vocabSize: number): Promise<[Tokenizer, LibraryTokenizer]> {
  const { json } = await trainTokenizer(texts, { vocabSize, minFrequency: 1 });
  const file: unknown = JSON.parse(serializeTokenizer(json));
  return [await loadTokenizer(file), new library.Tokenizer(JSON.parse(serializeTokenizer(json)), {})];
}

// From the reference implementation's trainer (tokenizers 0.23.3 for Python) with the same texts and options.
it('merges what the reference trainer merges', async () => {
  const { json, ...counts } = await trainTokenizer(seuss, { vocabSize: 285 });
  expect(json.model.merges.join(', ')).toBe(
    "a a, a t, t h, c at, ± ä, º ¬, æ Ŀ, Ġ cat, Ġ æĿ, aa aa, th e, ±ä º¬, ĠæĿ ±äº¬, ' s, Ċ Ċ, Ġ the, aa a",
  );
  expect(counts).toEqual({ vocabSize: 274, merges: 17, documents: 4, words: 19 });
});

it('puts special tokens first, then bytes, then merges', async () => {
  const { json, vocabSize } = await trainTokenizer(['abab ab'], { vocabSize: 300, specialTokens: ['<s>', '</s>'] });
  expect(json.added_tokens.map(({ id, content }) => [id, content])).toEqual([
    [0, '<s>'],
    [1, '</s>'],
  ]);
  expect(json.model.merges).toEqual(['a b']);
  expect(vocabSize).toBe(259);
  expect(Object.values(json.model.vocab).sort((a, b) => a - b)).toEqual(Array.from({ length: 259 }, (_, id) => id));
  expect(json.model.vocab).toMatchObject({ '!': 2, Ġ: 222, Ń: 257, ab: 258 });
});

it('cuts special tokens out of the text, and never builds one', async () => {
  const { json } = await trainTokenizer(['<s>', 'ab<s>ab', 'ĠxĠx', ' x x x'], {
    vocabSize: 400,
    specialTokens: ['<s>', 'Ġx'],
  });
  expect(json.model.merges).toEqual(['a b']);
});

it('merges long words in time', async () => {
  const { json } = await trainTokenizer(['ab'.repeat(500_000), '東'.repeat(100_000)], { vocabSize: 300 });
  expect(json.model.merges.slice(0, 2)).toEqual(['a b', 'ab ab']);
});

it('round-trips any text, with the ids that the library gives', async () => {
  const [ours, theirs] = await both(seuss, 320);
  const units = fc.array(fc.nat(0xffff), { maxLength: 40 }).map((codes) => String.fromCharCode(...codes));
  const known = fc.array(
    fc.constantFrom('the', ' cat', '東京', ' ', '\n', "'s", 'aaa', '🙂', '<|endoftext|>', '\ud83d'),
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    units,
    known.map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (original) => {
      const ids = ours.encode(original);
      expect([...ids]).toEqual(theirs.encode(original).ids);
      // Lone surrogates are no characters: UTF-8 has U+FFFD for them.
      const decoded = new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(original));
      expect(ours.decode(ids)).toBe(decoded);
    }),
    { numRuns: 200 },
  );
});

it('round-trips characters of every plane', async () => {
  const [ours, theirs] = await both(seuss, 300);
  for (let start = 0; start < 0x11_0000; start += start < 0x3000 ? 32 : 0x1000) {
    const codes = Array.from({ length: 32 }, (_, i) => start + i).filter((code) => code < 0xd800 || code > 0xdfff);
    const text = codes.map((code) => String.fromCodePoint(code)).join('');
    const ids = ours.encode(text);
    expect(ours.decode(ids)).toBe(text);
    expect([...ids]).toEqual(theirs.encode(text).ids);
  }
});

it('gives the same file for the same documents, from any iterable', async () => {
  async function* later() {
    for (const text of seuss) yield text;
  }
  const options = { vocabSize: 300 };
  const [first, second] = [await trainTokenizer(seuss, options), await trainTokenizer(later(), options)];
  expect(serializeTokenizer(second.json)).toBe(serializeTokenizer(first.json));
});

it('reports progress', async () => {
  const reports: TokenizerProgress[] = [];
  await trainTokenizer(seuss, { vocabSize: 270, onProgress: (progress) => reports.push(progress) });
  const characters = seuss.join('').length;
  expect(reports.find(({ phase }) => phase === 'merging')).toBeDefined();
  expect(reports.findLast(({ phase }) => phase === 'counting')).toEqual({
    phase: 'counting',
    done: characters,
    total: null,
  });
  expect(reports.at(-1)).toEqual({ phase: 'merging', done: 270, total: 270 });
});

it('stops when it is cancelled, before and in the middle', async () => {
  await expect(trainTokenizer(seuss, { vocabSize: 300, signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
  const controller = new AbortController();
  function* endless() {
    for (let i = 0; ; i += 1) {
      if (i === 1000) controller.abort();
      yield `text ${i}`;
    }
  }
  await expect(trainTokenizer(endless(), { vocabSize: 300, signal: controller.signal })).rejects.toThrow(AbortedError);
});

it.each([
  [{ vocabSize: 256 }, /from 257 \(256 bytes and 1 special tokens\)/],
  [{ vocabSize: 300.5 }, /cannot have that size/],
  [{ vocabSize: 2 ** 24 + 1 }, /cannot have that size/],
  [{ vocabSize: 300, minFrequency: 0 }, /minFrequency/],
  [{ vocabSize: 300, specialTokens: ['<s>', '<s>'] }, /special tokens/],
  [{ vocabSize: 300, specialTokens: [''] }, /special tokens/],
  [{ vocabSize: 300, specialTokens: ['a b'] }, /special tokens/],
  [{ vocabSize: 300, specialTokens: ['é'] }, /special tokens/],
  [{ vocabSize: 300, specialTokens: ['<\ud800>'] }, /special tokens/],
])('refuses %j', async (options, message) => {
  const run = trainTokenizer(seuss, options);
  await expect(run).rejects.toThrow(InvalidArgumentError);
  await expect(run).rejects.toThrow(message);
});

it.each([[[]], [['', '']], [['<|endoftext|>']]])('refuses %j: no text', async (texts) => {
  await expect(trainTokenizer(texts, { vocabSize: 300 })).rejects.toThrow(/no text/);
});
