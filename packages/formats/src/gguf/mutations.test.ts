/** Mutated files: whatever bytes come, opening and reading gives tensors as described, or an error of this project. */

import { InAttentionError } from '@inattention/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { tinyConfig, tinyGguf } from '../../test/tiny-gguf.ts';
import { parseConfig, serializeConfig } from '../config/parse-config.ts';
import { openModelFiles } from '../open-model-files.ts';
import type { ByteSource } from '../sources/byte-source.ts';
import { bytesSource } from '../sources/memory-source.ts';
import { readGgufHeader } from './header.ts';
import { readableTypes } from './readable-types.ts';

// One layer, so that most of the file is header.
const config = parseConfig({
  ...serializeConfig(tinyConfig),
  hidden_size: 32,
  intermediate_size: 32,
  num_hidden_layers: 1,
  attention_types: 'self',
});
const valid = await tinyGguf('Q8_0', config);
const { tensors } = await readGgufHeader(bytesSource(valid));
const headerLength = Math.min(...[...tensors.values()].map(({ byteOffset }) => byteOffset));
const text = Buffer.from(valid).toString('latin1');

const anyPlace = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const at = (place: number, length: number) => Math.floor(place * length);
const changed = (change: (file: Uint8Array, view: DataView) => void) => {
  const file = valid.slice();
  change(file, new DataView(file.buffer));
  return file;
};

const bitFlips = fc
  .array(fc.tuple(anyPlace, fc.nat({ max: 7 }), fc.boolean()), { minLength: 1, maxLength: 8 })
  .map((flips) =>
    changed((file) => {
      for (const [place, bit, inHeader] of flips) file[at(place, inHeader ? headerLength : file.length)] ^= 1 << bit;
    }),
  );
const cuts = fc
  .tuple(anyPlace, fc.uint8Array({ maxLength: 20 }))
  .map(([place, tail]) => new Uint8Array([...valid.subarray(0, at(place, valid.length + 1)), ...tail]));
const extensions = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((tail) => new Uint8Array([...valid, ...tail]));

/** Where the file has a length, a count, an offset or a dimension: found by reading it as this test's own parser would. */
const numberPlaces = [...text.matchAll(/(?:general|llama|tokenizer)\.[a-z_.]+|blk\.0\.[a-z_.]+|\0{4}/g)].map(
  ({ index }) => index,
);
const counts = fc.constantFrom(
  0n,
  1n,
  2n,
  7n,
  33n,
  2n ** 24n + 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
);
const largeNumbers = fc
  .array(fc.tuple(anyPlace, fc.integer({ min: -16, max: 64 }), counts), { minLength: 1, maxLength: 3 })
  .map((swaps) =>
    changed((_file, view) => {
      for (const [place, shift, count] of swaps) {
        const where = (numberPlaces[at(place, numberPlaces.length)] as number) + shift;
        if (where >= 4 && where + 8 <= headerLength) view.setBigUint64(where, count, true);
      }
    }),
  );
const headCounts = fc
  .tuple(fc.constantFrom(4, 8, 16), counts)
  .map(([where, count]) => changed((_file, view) => view.setBigUint64(where, count, true)));
/** Kinds of values and types of tensors. */
const kinds = fc.array(fc.tuple(anyPlace, fc.nat({ max: 45 })), { minLength: 1, maxLength: 4 }).map((swaps) =>
  changed((_file, view) => {
    for (const [place, kind] of swaps) {
      const start = at(place, headerLength - 8);
      for (let where = start; where < headerLength - 4; where += 1) {
        if (view.getUint32(where, true) > 0 && view.getUint32(where, true) < 45) {
          view.setUint32(where, kind, true);
          break;
        }
      }
    }
  }),
);
/** Pieces of the file moved over others: tensors that overlap, lists in lists, names given twice. */
const moves = fc.tuple(anyPlace, anyPlace, fc.integer({ min: 1, max: 200 })).map(([from, to, length]) =>
  changed((file) => {
    const start = at(from, headerLength - length);
    file.copyWithin(at(to, headerLength - length), start, start + length);
  }),
);
const words = [
  'llama.block_count',
  'attn_q.weight',
  'blk.0.',
  'tokenizer.ggml.tokens',
  'token_embd',
  'general.alignment',
];
const nameSwaps = fc
  .tuple(fc.constantFrom(...words), fc.constantFrom('x', '\u00ff', '\0', 'blk.1.'))
  .map(([word, by]) =>
    changed((file) => {
      const where = text.indexOf(word);
      if (where !== -1) file.set(Buffer.from(by, 'latin1').subarray(0, word.length), where);
    }),
  );
const harmless = fc.constant(valid);

it('gives a model as described or an error of this project, for 12,000 mutated files', async () => {
  const outcomes = { opened: 0, headers: 0, refused: 0 };
  const mutated = fc.oneof(bitFlips, cuts, extensions, largeNumbers, headCounts, kinds, moves, nameSwaps, harmless);
  await fc.assert(
    fc.asyncProperty(mutated, async (bytes) => {
      let asked = 0;
      const source: ByteSource = {
        name: 'mutated',
        size: bytes.length,
        async read(start, end) {
          expect(start >= 0 && start <= end && end <= bytes.length).toBe(true);
          asked += end - start;
          return bytes.slice(start, end);
        },
      };
      const refusal = (error: unknown) => {
        if (!InAttentionError.isInstance(error)) throw error;
        return null;
      };
      const header = await readGgufHeader(source).catch(refusal);
      expect(asked).toBeLessThanOrEqual(2 * bytes.length); // no length makes it read more than there is
      if (header === null) {
        outcomes.refused += 1;
        return;
      }
      outcomes.headers += 1;
      for (const { byteOffset, byteLength } of header.tensors.values()) {
        expect(byteOffset + byteLength).toBeLessThanOrEqual(bytes.length);
      }
      const files = await openModelFiles(source).catch(refusal);
      if (files === null) return;
      outcomes.opened += 1;
      for (const [name, { shape, dtype }] of files.weights.tensors) {
        expect(readableTypes).toContain(dtype);
        const size = shape.reduce((product, length) => product * length, 1);
        expect(await files.weights.read(name)).toHaveLength(size);
      }
    }),
    { numRuns: 12_000 },
  );
  // The mutations reach all three outcomes; otherwise they would prove little.
  expect(outcomes.opened).toBeGreaterThan(500);
  expect(outcomes.headers).toBeGreaterThan(1500);
  expect(outcomes.refused).toBeGreaterThan(3000);
}, 300_000);
