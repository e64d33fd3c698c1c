import { expect, test } from 'vitest';
import { readMobyDick, readStateOfTheUnion } from './texts.ts';
import { tokenise } from './tokenise.ts';

test('the texts are there, and in order', async () => {
  const { text, licence } = await readMobyDick();
  expect(text.indexOf('Call me Ishmael')).toBeGreaterThan(0);
  expect(text.indexOf('Call me Ishmael')).toBeLessThan(text.length / 20);
  expect(text.length).toBeGreaterThan(1_000_000);
  expect(licence).toContain('CC0');
  expect((await readStateOfTheUnion()).text.length).toBeGreaterThan(8_000_000);
});

test('tokens decode to the text, and a text that is too short is refused', async () => {
  const text = await readMobyDick();
  const { ids } = await tokenise(text, 12_000);
  const { decode } = await import('gpt-tokenizer/encoding/r50k_base');
  expect(text.text.startsWith(decode([...ids]).slice(0, -8))).toBe(true);
  await expect(tokenise({ ...text, text: 'short' }, 100)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
