import { InvalidFileError } from '@inattention/core';
import { expect, it } from 'vitest';
import { bytesSource } from '../sources/memory-source.ts';
import { parseJson, readJson } from './parse-json.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

it('parses UTF-8 JSON, and keys that are the names of prototype members', () => {
  const json = parseJson(bytes('{"__proto__":{"x":1},"é":[null]}'), { name: 'f' });
  expect(Object.keys(json as object)).toEqual(['__proto__', 'é']);
});

it('names the file that is not JSON or not UTF-8', () => {
  expect(() => parseJson(bytes('{"a":'), { name: 'config.json' })).toThrow(InvalidFileError);
  expect(() => parseJson(bytes('{"a":'), { name: 'config.json' })).toThrow('config.json is not valid JSON.');
  expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), { name: 'f' })).toThrow(InvalidFileError);
  expect(() => parseJson(new Uint8Array(0), { name: 'f' })).toThrow(InvalidFileError);
});

it('refuses a key that appears twice only where asked to', async () => {
  const text = bytes('{"a":1,"a":2}');
  expect(parseJson(text, { name: 'f' })).toEqual({ a: 2 });
  expect(() => parseJson(text, { name: 'f', uniqueKeys: true })).toThrow(
    'f holds a name twice in one object. Got: "a".',
  );
  await expect(readJson(bytesSource(text, 'index'), 100)).rejects.toThrow('index holds a name twice');
  await expect(readJson(bytesSource(text, 'index'), 5)).rejects.toThrow('index is too large');
});
