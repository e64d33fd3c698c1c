import { expect, it } from 'vitest';
import { ShapeError } from '../errors/errors.ts';
import {
  bfloat16ToFloat32,
  decodeBfloat16,
  decodeFloat16,
  encodeBfloat16,
  encodeFloat16,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from './half.ts';

const allBits = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/** IEEE 754's definition in arithmetic, independent of the bit tricks under test. */
function definition(bits: number, exponentBits: number, mantissaBits: number): number {
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits >>> 15 === 1 ? -1 : 1;
  const exponent = (bits >>> mantissaBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** How many of the 65536 patterns fail `holds`, with the first one, so that a failure prints one line. */
function failures(holds: (bits: number) => boolean): { count: number; first: string | undefined } {
  let count = 0;
  let first: string | undefined;
  for (const bits of allBits) {
    if (holds(bits)) continue;
    first ??= `0x${bits.toString(16)}`;
    count++;
  }
  return { count, first };
}
const none = { count: 0, first: undefined };

it('decodes every pattern to the value IEEE 754 defines', () => {
  const halves = decodeFloat16(allBits);
  const bfloats = decodeBfloat16(allBits);
  expect(
    failures((b) => Object.is(halves[b], definition(b, 5, 10)) && Object.is(float16ToFloat32(b), halves[b])),
  ).toEqual(none);
  expect(
    failures((b) => Object.is(bfloats[b], definition(b, 8, 7)) && Object.is(bfloat16ToFloat32(b), bfloats[b])),
  ).toEqual(none);
});

it('encodes every decoded pattern back to itself; a NaN stays a NaN of the same sign and becomes quiet', () => {
  const halves = encodeFloat16(decodeFloat16(allBits));
  const bfloats = encodeBfloat16(decodeBfloat16(allBits));
  const isNaN16 = (b: number) => (b & 0x7c00) === 0x7c00 && (b & 0x3ff) !== 0;
  const isNaNBfloat = (b: number) => (b & 0x7f80) === 0x7f80 && (b & 0x7f) !== 0;
  expect(failures((b) => halves[b] === (isNaN16(b) ? b | 0x200 : b))).toEqual(none);
  expect(failures((b) => bfloats[b] === (isNaNBfloat(b) ? b | 0x40 : b))).toEqual(none);
});

/** The float32 next to `value`, away from zero (step 1) or towards it (step -1). */
function neighbour(value: number, step: 1 | -1): number {
  const floats = new Float32Array([value]);
  const bits = new Uint32Array(floats.buffer);
  bits[0] = (bits[0] as number) + step;
  return floats[0] as number;
}

it.each([
  { name: 'float16', decode: float16ToFloat32, encode: float32ToFloat16, infinity: 0x7c00, sign: 0x8000 },
  { name: 'bfloat16', decode: bfloat16ToFloat32, encode: float32ToBfloat16, infinity: 0x7f80, sign: 0x8000 },
])('rounds to nearest, ties to even, between every two neighbours of $name', ({ decode, encode, infinity, sign }) => {
  // Between b and b + 1 for every finite b, subnormals and the step to infinity included. What follows the largest
  // finite number would be the next power of two, had the format one more exponent.
  const next = (b: number) => (b + 1 === infinity ? 2 * decode(b) - decode(b - 1) : decode(b + 1));
  const wrong: string[] = [];
  for (let b = 0; b < infinity; b++) {
    const middle = (decode(b) + next(b)) / 2;
    const even = b % 2 === 0 ? b : b + 1;
    if (encode(middle) !== even) wrong.push(`tie after ${b}`);
    if (encode(-middle) !== (even | sign)) wrong.push(`negative tie after ${b}`);
    if (Math.fround(middle) !== middle) wrong.push(`the tie after ${b} is no float32`);
    if (encode(neighbour(middle, -1)) !== b) wrong.push(`below the tie after ${b}`);
    if (encode(neighbour(middle, 1)) !== b + 1) wrong.push(`above the tie after ${b}`);
  }
  expect(wrong.slice(0, 5)).toEqual([]);
});

it('overflows to infinity and underflows to zero, keeping the sign', () => {
  expect(float32ToFloat16(65504)).toBe(0x7bff);
  expect(float32ToFloat16(65519.99)).toBe(0x7bff);
  expect(float32ToFloat16(65520)).toBe(0x7c00);
  expect(float32ToFloat16(-1e30)).toBe(0xfc00);
  expect(float32ToFloat16(2 ** -24)).toBe(1);
  expect(float32ToFloat16(2 ** -25)).toBe(0);
  expect(float32ToFloat16(-(2 ** -26))).toBe(0x8000);
  expect(float32ToFloat16(-0)).toBe(0x8000);
  expect(float32ToBfloat16(3.4e38)).toBe(0x7f80);
  expect(float32ToBfloat16(Number.NEGATIVE_INFINITY)).toBe(0xff80);
  expect(float32ToBfloat16(-0)).toBe(0x8000);
});

it('encodes a NaN whose payload lies in the dropped bits as a NaN, never as infinity', () => {
  const values = new Float32Array(2);
  new Uint32Array(values.buffer).set([0x7f80_0001, 0xff80_0001]);
  expect([...encodeFloat16(values)]).toEqual([0x7e00, 0xfe00]);
  expect([...encodeBfloat16(values)]).toEqual([0x7fc0, 0xffc0]);
});

it('writes into a given array, also one at an offset, and refuses another length', () => {
  const block = new Float32Array(4);
  const out = block.subarray(1, 3);
  expect(decodeFloat16(new Uint16Array([0x3c00, 0xc000]), out)).toBe(out);
  expect([...block]).toEqual([0, 1, -2, 0]);
  expect([...encodeBfloat16(out)]).toEqual([0x3f80, 0xc000]);
  expect(() => decodeFloat16(new Uint16Array(3), out)).toThrow(ShapeError);
  expect(() => encodeBfloat16(out, new Uint16Array(1))).toThrow(ShapeError);
});
