import { deflateRawSync } from 'node:zlib';
import { type AnyResult, parseAnyResult } from '@inattention/bench';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { longestLink, readLink, resultLink } from './result-link.ts';

function agreement(device: string): AnyResult {
  return parseAnyResult(
    JSON.stringify({
      schema: 'inattention-agreement/1',
      created: '2026-01-02T03:04:05.000Z',
      environment: { browser: 'a browser — 浏览器' },
      model: { name: 'm', parameters: 1, vocabSize: 2 },
      text: { name: 't', tokens: 3 },
      reference: { backend: 'cpu', device, software: false, mode: 'kv' },
      rows: [],
    }),
  );
}

const packed = (bytes: Uint8Array | string) => `#result=${deflateRawSync(bytes).toString('base64url')}`;

test('a link holds its result, whatever the text', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (device) => {
      const result = agreement(device);
      const link = await resultLink(result);
      expect(link?.hash).toMatch(/^#result=[\w-]+$/);
      expect(link?.without).toBe(null);
      expect(await readLink(link?.hash ?? '')).toEqual(result);
    }),
    { numRuns: 30 },
  );
});

test('an address without a result is none', async () => {
  for (const hash of ['', '#', '#other', '#Result=x']) expect(await readLink(hash)).toBe(null);
});

test('damaged and hostile links are refused with what is wrong', async () => {
  const { hash = '' } = (await resultLink(agreement('x'))) ?? {};
  const refused = [
    [hash.slice(0, -9), 'damaged'],
    ['#result=', 'damaged'],
    ['#result=<script>alert(1)</script>', 'damaged'],
    ['#result=%00', 'damaged'],
    [`#result=${'A'.repeat(300_000)}`, 'damaged'],
    [packed(Uint8Array.of(255, 254)), 'damaged'],
    [packed(new Uint8Array(8 * 2 ** 20)), 'damaged'], // 8 MB in 8 kB
    [packed('{"schema":"inattention-bench/3"}'), 'field'],
    [packed('{"schema":{"toString":1}}'), 'schema'],
    [packed('[]'), 'schema none'],
    [packed('{'), 'not JSON'],
  ] as const;
  for (const [link, what] of refused) {
    await expect(readLink(link), link.slice(0, 60)).rejects.toMatchObject({
      code: 'INVALID_FILE',
      message: expect.stringContaining(what),
    });
  }
});

test('what is too long for a link is told, not cut', async () => {
  const letters = Array.from({ length: 19_000 }, (_, place) => String.fromCharCode(0x4e00 + ((place * 7919) % 20_000)));
  expect(await resultLink(agreement(letters.join('')))).toBe(null);
  expect(longestLink).toBeLessThan(64_000);
});
