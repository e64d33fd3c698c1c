import { afterEach, describe, expect, test } from 'vitest';
import { openUrls } from './url-files.ts';

const bytes = Uint8Array.from({ length: 300 }, (_, place) => (place * 7) % 256);
const text = '{"name": "ü, %"}';
const asked: string[] = [];

/** A server of one file, without ranges. */
const serve: typeof fetch = async (input) => {
  asked.push(String(input));
  return String(input).endsWith('/assets/model-abc.bin')
    ? new Response(bytes, { headers: { 'content-length': String(bytes.length) } })
    : new Response('none', { status: 404 });
};

afterEach(() => {
  asked.length = 0;
});

async function read(url: string | URL, name = 'config.json'): Promise<Uint8Array | undefined> {
  const file = await openUrls({ [name]: url }, { fetch: serve }).open(name);
  return file?.read(0, file.size);
}

describe('files by URL', () => {
  test('are read where they are, whatever their names there', async () => {
    expect(await read(new URL('https://example.org/assets/model-abc.bin'), 'model.safetensors')).toEqual(bytes);
    expect(asked).toEqual(['https://example.org/assets/model-abc.bin']);
    expect(await read('https://example.org/assets/gone.bin')).toBeUndefined();
  });

  test('are decoded from data: URLs without a request', async () => {
    const base64 = btoa(String.fromCharCode(...bytes));
    expect(await read(`data:application/octet-stream;base64,${base64}`)).toEqual(bytes);
    expect(new TextDecoder().decode(await read(`data:application/json,${encodeURIComponent(text)}`))).toBe(text);
    expect(asked).toEqual([]);
  });

  test('that are damaged are refused, and missing ones are not there', async () => {
    await expect(read('data:application/json;base64,***')).rejects.toThrow(/data: URL of config\.json is damaged/);
    await expect(read('data:application/json')).rejects.toThrow(/damaged/);
    const source = openUrls({ 'config.json': 'data:,x' });
    expect(await source.open('model.safetensors')).toBeNull();
    expect(await source.list?.()).toEqual(['config.json']);
    await expect(source.open('../config.json')).rejects.toThrow(/outside its folder/);
    expect(() => openUrls({ '../x': 'data:,x' })).toThrow(/outside its folder/);
  });
});
