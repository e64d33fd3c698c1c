import { decode, encode } from 'gpt-tokenizer/encoding/r50k_base';
import { expect, test } from 'vitest';
import { readMobyDick, readStateOfTheUnion } from './texts.ts';
import { tokenise } from './tokenise.ts';

test('the texts are there, and in order', async () => {
  const { text, licence } = await readMobyDick();
  expect(text.indexOf('Call me Ishmael')).toBeGreaterThan(0);
  expect(text.indexOf('Call me Ishmael')).toBeLessThan(text.length / 20);
  expect(text.length).toBeGreaterThan(1_000_000);
  // Once: the package has the whole book beside its chapters.
  expect(text.split('Call me Ishmael').length).toBe(2);
  expect(licence).toContain('CC0');
  expect((await readStateOfTheUnion()).text.length).toBeGreaterThan(8_000_000);
});

test('tokens decode to the text, and a text that is too short is refused', async () => {
  const text = await readMobyDick();
  const { ids } = await tokenise(text, 12_000);
  expect([...ids.subarray(0, 4000)]).toEqual(encode(text.text.slice(0, 20_000)).slice(0, 4000));
  expect(text.text.startsWith(decode([...ids]).slice(0, -8))).toBe(true);
  await expect(tokenise({ ...text, text: 'short' }, 100)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('a cut vocabulary has ids below its size, which still decode to the text', async () => {
  const text = await readStateOfTheUnion();
  const { ids, tokenizer } = await tokenise(text, 12_000, 1000);
  expect(ids.every((id) => id < 1000)).toBe(true);
  expect(text.text.startsWith(decode([...ids]).slice(0, -8))).toBe(true);
  expect(tokenizer).toContain('first 1,000 ids');
  const whole = await tokenise(text, 12_000);
  expect(whole.ids.some((id) => id >= 1000)).toBe(true);
  for (const size of [255, 50_258, 300.5]) {
    await expect(tokenise(text, 10, size)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
});

test('both texts last for 128 Ki tokens and the decoding after them, in the smaller vocabulary’s sizes too', async () => {
  for (const text of [await readMobyDick(), await readStateOfTheUnion()]) {
    for (const vocabSize of [50_257, 49_152]) {
      const { ids } = await tokenise(text, 131_072 + 64, vocabSize);
      expect(ids.reduce((most, id) => Math.max(most, id), 0)).toBeLessThan(vocabSize);
    }
  }
});
