import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createByteTokenizer } from './byte-tokenizer.ts';

const tokenizer = createByteTokenizer();

it('has the bytes of UTF-8 for ids', () => {
  expect([...tokenizer.encode('a é🙂')]).toEqual([97, 32, 195, 169, 240, 159, 153, 130]);
  expect(tokenizer).toMatchObject({ vocabSize: 256, eosTokenIds: [] });
});

it('gives every well-formed text back, byte-order marks and zeros included', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => tokenizer.decode(tokenizer.encode(text)) === wellFormed(text)),
  );
  expect(tokenizer.decode(tokenizer.encode('\u{FEFF}\0a'))).toBe('\u{FEFF}\0a');
});

it('streams what it decodes, for any ids, and holds back at most three bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1, max: 257 })), (ids) => {
      const stream = tokenizer.streamDecoder();
      const parts = ids.map((id) => stream.push(id));
      expect(parts.join('') + stream.flush()).toBe(tokenizer.decode(ids));
    }),
  );
  const stream = tokenizer.streamDecoder();
  expect([240, 159, 153, 130, 195].map((id) => stream.push(id))).toEqual(['', '', '', '🙂', '']);
  expect(stream.flush()).toBe('\u{FFFD}');
});

it('has an id that ends a text when asked for, which decodes to nothing and ends a character', () => {
  const ending = createByteTokenizer({ endOfText: true });
  expect(ending).toMatchObject({ vocabSize: 257, eosTokenIds: [256] });
  expect(ending.fingerprint).not.toBe(tokenizer.fingerprint);
  expect(ending.decode([97, 256, 98])).toBe('ab');
  expect(ending.decode([0xe2, 0x82, 256, 0xac])).toBe('\u{FFFD}\u{FFFD}');
  expect(tokenizer.decode([97, 256])).toBe('a');
});

/** The text with lone surrogates replaced, as UTF-8 has it. */
function wellFormed(text: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text));
}
