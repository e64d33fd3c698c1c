import { InAttentionError } from '@inattention/core';
import { expect, it } from 'vitest';
import { bytesSource } from '../sources/memory-source.ts';
import { readGgufHeader } from './header.ts';

/** Bytes of a header, written by hand: what the package's own writer would never write. */
class Bytes {
  readonly #bytes: number[] = [];
  raw(...bytes: number[]): this {
    this.#bytes.push(...bytes);
    return this;
  }
  u32(...values: number[]): this {
    for (const value of values) this.raw(...new Uint8Array(Uint32Array.of(value).buffer));
    return this;
  }
  u64(...values: (bigint | number)[]): this {
    for (const value of values) this.raw(...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
    return this;
  }
  text(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u64(bytes.length).raw(...bytes);
  }
  /** Zeros up to a multiple of 32, and `data` more. */
  padded(data = 0): Uint8Array {
    const rest = (32 - (this.#bytes.length % 32)) % 32;
    return Uint8Array.from([...this.#bytes, ...new Array(rest + data).fill(0)]);
  }
}

const start = (tensors: bigint | number, keys: bigint | number, version = 3) =>
  new Bytes().raw(0x47, 0x47, 0x55, 0x46).u32(version).u64(tensors, keys);
const tensor = (bytes: Bytes, name: string, shape: (bigint | number)[], type: number, offset: bigint | number) =>
  bytes
    .text(name)
    .u32(shape.length)
    .u64(...shape)
    .u32(type)
    .u64(offset);
const open = (bytes: Uint8Array) => readGgufHeader(bytesSource(bytes, 'x.gguf'));

it('reads every kind of value', async () => {
  const bytes = start(0, 8);
  bytes.text('a').u32(0).raw(200).text('b').u32(1).raw(200).text('c').u32(7).raw(1);
  bytes
    .text('d')
    .u32(8)
    .text('\u{FEFF}ä')
    .text('e')
    .u32(10)
    .u64(2n ** 60n)
    .text('f')
    .u32(11)
    .u64(2n ** 64n - 1n);
  bytes.text('g').u32(9, 4).u64(2).u32(5, 6).text('h').u32(9, 9).u64(1).u32(8).u64(1).text('x');
  const { metadata, version } = await open(bytes.padded());
  expect(version).toBe(3);
  expect([...metadata]).toEqual([
    ['a', 200],
    ['b', -56],
    ['c', true],
    ['d', '\u{FEFF}ä'],
    ['e', 2n ** 60n],
    ['f', -1],
    ['g', [5, 6]],
    ['h', [['x']]],
  ]);
});

it('gives shapes row-major, and places after the header', async () => {
  const bytes = tensor(tensor(start(2, 0), 'b', [32, 3], 8, 32), 'a', [7], 0, 0);
  const { tensors } = await open(bytes.padded(32 + 102));
  const dataStart = bytes.padded().length;
  expect([...tensors.values()]).toEqual([
    { name: 'b', dtype: 'Q8_0', shape: [3, 32], byteOffset: dataStart + 32, byteLength: 102 },
    { name: 'a', dtype: 'F32', shape: [7], byteOffset: dataStart, byteLength: 28 },
  ]);
});

it('does not take names of prototype members for anything', async () => {
  const bytes = tensor(start(1, 1).text('__proto__').u32(4).u32(1), 'constructor', [1], 0, 0);
  const { metadata, tensors } = await open(bytes.padded(4));
  expect([...metadata.keys(), ...tensors.keys()]).toEqual(['__proto__', 'constructor']);
});

const nested = (depth: number) => {
  const bytes = start(0, 1).text('n').u32(9);
  for (let i = 0; i < depth; i += 1) bytes.u32(9).u64(1);
  return bytes.u32(4).u64(0).padded();
};
const alignment = (value: number, type = 4) => start(0, 1).text('general.alignment').u32(type).u32(value).padded();

it.each<[string, Uint8Array, string]>([
  ['an empty file', new Uint8Array(0), 'too short'],
  ['another format', Uint8Array.from({ length: 64 }, (_, i) => i), 'does not start with "GGUF"'],
  ['version 1', start(0, 0, 1).padded(), 'unknown version'],
  ['version 4', start(0, 0, 4).padded(), 'unknown version'],
  ['big-endian files', start(0, 0, 3 * 2 ** 24).padded(), 'big-endian'],
  ['more tensors than can be', start(2n ** 63n, 0).padded(), 'more tensors than can be'],
  ['more tensors than there are', start(900_000, 0).padded(), 'reaches beyond the file'],
  ['more keys than can be', start(0, 2n ** 64n - 1n).padded(), 'more metadata keys than can be'],
  ['more keys than there are', start(0, 90_000).padded(64), 'empty or there twice'],
  ['a key longer than the file', start(0, 1).u64(60_000).padded(), 'longer than can be'],
  [
    'a key of 2^63 bytes',
    start(0, 1)
      .u64(2n ** 63n)
      .padded(),
    'longer than can be',
  ],
  ['a key twice', start(0, 2).text('k').u32(0).raw(1).text('k').u32(0).raw(1).padded(), 'there twice'],
  ['a key that is no UTF-8', start(0, 1).u64(1).raw(0xff).u32(0).raw(1).padded(), 'not UTF-8'],
  [
    'a text of 2^64 - 1 bytes',
    start(0, 1)
      .text('k')
      .u32(8)
      .u64(2n ** 64n - 1n)
      .padded(),
    'longer than can be',
  ],
  ['a text that ends after the file', start(0, 1).text('k').u32(8).u64(500).padded(), 'longer than can be'],
  ['a value of an unknown kind', start(0, 1).text('k').u32(13).padded(), 'unknown kind'],
  ['a list of an unknown kind', start(0, 1).text('k').u32(9, 77).u64(1).padded(64), 'unknown kind'],
  [
    'a list of 2^40 bytes',
    start(0, 1)
      .text('k')
      .u32(9, 0)
      .u64(2n ** 40n)
      .padded(),
    'longer than can be',
  ],
  ['a list longer than the file', start(0, 1).text('k').u32(9, 8).u64(1000).padded(), 'longer than can be'],
  ['lists nested too deep', nested(100), 'nested too deep'],
  ['an alignment of 0', alignment(0), 'general.alignment'],
  ['an alignment that is no power of two', alignment(24), 'general.alignment'],
  ['an alignment of 2^31', alignment(2 ** 31), 'general.alignment'],
  ['an alignment below 0', alignment(-32 >>> 0, 5), 'general.alignment'],
  ['an unknown type', tensor(start(1, 0), 't', [32], 99, 0).padded(64), 'unknown type'],
  ['five dimensions', tensor(start(1, 0), 't', [1, 1, 1, 1, 1], 0, 0).padded(64), 'too many dimensions'],
  [
    '2^32 - 1 dimensions',
    start(1, 0)
      .text('t')
      .u32(2 ** 32 - 1)
      .padded(64),
    'too many dimensions',
  ],
  ['a dimension of 0', tensor(start(1, 0), 't', [0, 4], 0, 0).padded(64), 'impossible shape'],
  ['a dimension of 2^64 - 1', tensor(start(1, 0), 't', [2n ** 64n - 1n], 0, 0).padded(64), 'impossible shape'],
  ['a product that wraps to 0', tensor(start(1, 0), 't', [2n ** 32n, 2n ** 32n], 0, 0).padded(64), 'impossible shape'],
  ['rows that are no whole blocks', tensor(start(1, 0), 't', [48, 2], 8, 0).padded(128), 'not whole blocks'],
  ['an offset beyond 2^53', tensor(start(1, 0), 't', [4], 0, 2n ** 60n).padded(64), 'lies beyond the file'],
  ['an offset beyond the file', tensor(start(1, 0), 't', [4], 0, 4096).padded(64), 'hole'],
  ['an offset that is not aligned', tensor(start(1, 0), 't', [4], 0, 4).padded(64), 'hole'],
  ['data that ends too early', tensor(start(1, 0), 't', [400], 0, 0).padded(64), 'reaches beyond the file'],
  [
    'overlapping tensors',
    tensor(tensor(start(2, 0), 'a', [16], 0, 0), 'b', [16], 0, 32).padded(128),
    'overlaps the one before',
  ],
  ['one place twice', tensor(tensor(start(2, 0), 'a', [8], 0, 0), 'b', [8], 0, 0).padded(64), 'overlaps'],
  ['a hole', tensor(tensor(start(2, 0), 'a', [8], 0, 0), 'b', [8], 0, 64).padded(96), 'hole'],
  ['a name twice', tensor(tensor(start(2, 0), 'a', [8], 0, 0), 'a', [8], 0, 32).padded(64), 'one name'],
])('refuses %s', async (_what, bytes, message) => {
  const error: unknown = await open(bytes).catch((cause: unknown) => cause);
  expect(InAttentionError.isInstance(error)).toBe(true);
  expect(String(error)).toContain(message);
});
