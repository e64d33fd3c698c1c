/** Mutated files: whatever bytes come, opening and reading gives tensors as described, or an error of this project. */

import { InAttentionError } from '@inattention/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ByteSource } from '../sources/byte-source.ts';
import { isWeightDType } from './dtypes.ts';
import { openSafetensors } from './reader.ts';
import { writeSafetensors } from './writer.ts';

const ramp = (size: number) => Float32Array.from({ length: size }, (_, index) => index - 3);
const valid = writeSafetensors(
  [
    { name: 'model.embed', shape: [4, 3], data: ramp(12) },
    { name: 'empty', shape: [0, 5], data: ramp(0) },
    { name: 'half', dtype: 'F16', shape: [3], data: ramp(3) },
    { name: 'scalar', dtype: 'BF16', shape: [], data: ramp(1) },
  ],
  { format: 'pt', note: 'ä' },
);
const headerLength = Number(new DataView(valid.buffer).getBigUint64(0, true));
const header = new TextDecoder().decode(valid.subarray(8, 8 + headerLength)).trimEnd();
const data = valid.subarray(8 + headerLength);

/** A file with this header text and data; the length prefix is right. */
function fileWith(text: string, content: Uint8Array = data): Uint8Array {
  const json = new TextEncoder().encode(text);
  const file = new Uint8Array(8 + json.length + content.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(content, 8 + json.length);
  return file;
}

const anyPlace = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const at = (place: number, length: number) => Math.floor(place * length);

const bitFlips = fc
  .array(fc.tuple(anyPlace, fc.nat({ max: 7 }), fc.boolean()), { minLength: 1, maxLength: 8 })
  .map((flips) => {
    const file = valid.slice();
    for (const [place, bit, inHeader] of flips) file[at(place, inHeader ? 8 + headerLength : file.length)] ^= 1 << bit;
    return file;
  });
const cuts = fc.tuple(anyPlace, fc.uint8Array({ maxLength: 20 })).map(([place, tail]) => {
  return new Uint8Array([...valid.subarray(0, at(place, valid.length + 1)), ...tail]);
});
const extensions = fc.uint8Array({ minLength: 1, maxLength: 30 }).map((tail) => new Uint8Array([...valid, ...tail]));
const lengths = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).chain((any) =>
  fc.constantFrom(any, any % 512n, BigInt(headerLength) + (any % 17n) - 8n).map((length) => {
    const file = valid.slice();
    new DataView(file.buffer).setBigUint64(0, BigInt.asUintN(64, length), true);
    return file;
  }),
);
const numbers = fc.constantFrom(
  '0',
  '1',
  '-1',
  '-0',
  '4',
  '24',
  '48',
  '54',
  '0.5',
  '1e2',
  '1e999',
  '9007199254740991',
  '18446744073709551616',
  '"4"',
  'null',
  '[4]',
  '{}',
);
const numberSwaps = fc.array(fc.tuple(anyPlace, numbers), { minLength: 1, maxLength: 3 }).map((swaps) => {
  let text = header;
  for (const [place, number] of swaps) {
    const found = [...text.matchAll(/\d+/g)];
    const match = found[at(place, found.length)];
    if (match !== undefined) text = text.slice(0, match.index) + number + text.slice(match.index + match[0].length);
  }
  return fileWith(text);
});
const pieces = fc.constantFrom(
  '',
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\u{0}',
  '"F32"',
  '"BF16"',
  '"I64"',
  '"half"',
  '"__proto__"',
  '"__metadata__"',
  '"shape"',
  'null',
  ' ',
  '-',
  '"\\ud800"',
  ',"x":0',
);
const edits = fc.array(fc.tuple(anyPlace, fc.nat({ max: 12 }), pieces), { minLength: 1, maxLength: 4 }).map((list) => {
  let text = header;
  for (const [place, removed, piece] of list) {
    const start = at(place, text.length);
    text = text.slice(0, start) + piece + text.slice(start + removed);
  }
  return fileWith(text);
});
const wordSwaps = fc.tuple(anyPlace, anyPlace).map(([from, to]) => {
  const words = [...header.matchAll(/"[^"]*"|\[[^[\]]*\]/g)];
  const [first, second] = [words[at(from, words.length)], words[at(to, words.length)]];
  return fileWith(header.slice(0, first.index) + second[0] + header.slice(first.index + first[0].length));
});
const harmless = fc.constantFrom(
  valid,
  fileWith(header),
  fileWith(`${header}   `),
  fileWith(header.replaceAll(':', ' : ')),
);

it('gives tensors as described or an error of this project, for 12,000 mutated files', async () => {
  const outcomes = { opened: 0, refused: 0 };
  const mutated = fc.oneof(bitFlips, cuts, extensions, lengths, numberSwaps, edits, wordSwaps, harmless);
  await fc.assert(
    fc.asyncProperty(mutated, async (bytes) => {
      const source: ByteSource = {
        name: 'mutated',
        size: bytes.length,
        async read(start, end) {
          // Not through the checks of bytesSource, whose error would hide a read out of bounds.
          expect(start >= 0 && start <= end && end <= bytes.length).toBe(true);
          return bytes.slice(start, end);
        },
      };
      const file = await openSafetensors(source).catch((error: unknown) => {
        if (!InAttentionError.isInstance(error)) throw error;
        return null;
      });
      outcomes[file === null ? 'refused' : 'opened'] += 1;
      let covered = 0;
      for (const { name, dtype, shape, byteOffset, byteLength } of file?.tensors.values() ?? []) {
        covered += byteLength;
        expect(byteOffset + byteLength).toBeLessThanOrEqual(bytes.length);
        expect(await file?.readBytes(name)).toHaveLength(byteLength);
        if (!isWeightDType(dtype)) continue;
        const size = shape.reduce((product, dimension) => product * dimension, 1);
        expect(await file?.read(name)).toHaveLength(size);
      }
      if (file !== null) {
        const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
        expect(8 + length + covered).toBe(bytes.length);
      }
    }),
    { numRuns: 12_000 },
  );
  // The mutations reach both outcomes; otherwise they would prove little.
  expect(outcomes.opened).toBeGreaterThan(1000);
  expect(outcomes.refused).toBeGreaterThan(5000);
}, 60_000);
