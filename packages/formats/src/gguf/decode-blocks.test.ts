import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { decodeTensor } from './decode-blocks.ts';
import { encodeTensor } from './encode-blocks.ts';
import { readableTypes } from './readable-types.ts';

/** Random blocks and what PyPI's gguf 0.19 makes of them (gguf.quants.dequantize); the first block's scales are subnormal. */
const fixture = JSON.parse(readFileSync(new URL('../../test/gguf-blocks.json', import.meta.url), 'utf8')) as Record<
  string,
  { bytes: string; numbers: string }
>;
const decoded = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'));

it.each(Object.keys(fixture))('decodes %s to the very numbers of another implementation', (type) => {
  const { bytes, numbers } = fixture[type] as { bytes: string; numbers: string };
  const expected = new Float32Array(decoded(numbers).buffer);
  const out = new Float32Array(expected.length);
  decodeTensor(type, decoded(bytes), out);
  expect(out).toEqual(expected);
  expect(new Set(out).size).toBeGreaterThan(20);
  expect(readableTypes).toContain(type);
});

it('decodes at any alignment', () => {
  const { bytes, numbers } = fixture.Q4_1 as { bytes: string; numbers: string };
  const shifted = new Uint8Array([0, ...decoded(bytes)]).subarray(1);
  const out = new Float32Array(96);
  decodeTensor('Q4_1', shifted, out);
  expect(out).toEqual(new Float32Array(decoded(numbers).buffer));
});

it('writes Q8_0 that decodes to within half a step, and the largest of a block exactly', () => {
  const data = Float32Array.from({ length: 96 }, (_, i) => (i < 32 ? 0 : Math.sin(i) * 4 ** (i / 32)));
  data[64] = -32; // a power of two times 127/127: the scale 32/127 is rounded to f16
  const out = new Float32Array(96);
  decodeTensor('Q8_0', encodeTensor('Q8_0', data, 'x'), out);
  for (const [i, x] of data.entries()) {
    const most = Math.max(...data.subarray(i & ~31, (i & ~31) + 32).map(Math.abs));
    expect(Math.abs(x - (out[i] as number))).toBeLessThanOrEqual((most / 254) * 1.15);
  }
  expect(out.subarray(0, 32)).toEqual(new Float32Array(32));
});

it('refuses numbers that the written type cannot hold, by name', () => {
  expect(() => encodeTensor('F16', Float32Array.of(1, 1e5), 'w')).toThrow(
    'The weight "w" holds a number that F16 cannot',
  );
  expect(() => encodeTensor('Q8_0', new Float32Array(32).fill(Number.NaN), 'w')).toThrow('Q8_0 cannot');
});
