import { InvalidArgumentError, ShapeError } from '@inattention/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytesSource } from '../sources/memory-source.ts';
import { openSafetensors } from './reader.ts';
import { encodeWeights, layOutSafetensors, type TensorToWrite, writeSafetensors } from './writer.ts';

const one = (name: string, dtype: 'F32' | 'F16' | 'BF16' = 'F32'): TensorToWrite => ({
  name,
  dtype,
  shape: [1],
  data: Float32Array.of(1),
});
const headerOf = (file: Uint8Array) => {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  return { length, text: new TextDecoder().decode(file.subarray(8, 8 + length)) };
};

it('writes the bytes that the format describes', () => {
  const file = writeSafetensors([{ name: 'x', dtype: 'BF16', shape: [2, 1], data: Float32Array.of(1, -2) }], {
    a: 'b',
  });
  const text = '{"__metadata__":{"a":"b"},"x":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]}}';
  const { length, text: written } = headerOf(file);
  expect(written).toBe(text.padEnd(length));
  expect(length % 8).toBe(0);
  expect([...file.subarray(8 + length)]).toEqual([0x80, 0x3f, 0x00, 0xc0]);
});

it('aligns every tensor to its element by putting wider dtypes first, and keeps the given order otherwise', async () => {
  const file = writeSafetensors([one('z', 'F16'), one('b'), one('y', 'BF16'), one('a')]);
  const { tensors } = await openSafetensors(bytesSource(file));
  expect([...tensors.keys()]).toEqual(['b', 'a', 'z', 'y']);
  for (const { dtype, byteOffset } of tensors.values()) expect(byteOffset % (dtype === 'F32' ? 4 : 2)).toBe(0);
});

it('keeps names that an object would lose or move', async () => {
  const names = ['b', '10', '__proto__', '2', 'ä"\\\n', ''];
  const { tensors, read } = await openSafetensors(bytesSource(writeSafetensors(names.map((name) => one(name)))));
  expect([...tensors.values()].sort((a, b) => a.byteOffset - b.byteOffset).map(({ name }) => name)).toEqual(names);
  expect([...(await read('__proto__'))]).toEqual([1]);
});

it('streams the same bytes as it writes whole', () => {
  const tensors = [
    one('h', 'F16'),
    { name: 'm', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    one('e', 'BF16'),
  ];
  const { header, tensors: order, totalBytes } = layOutSafetensors(tensors, { step: '7' });
  const parts = [header];
  for (const { name } of order) {
    const { dtype = 'F32', data } = tensors.find((tensor) => tensor.name === name) ?? one('');
    parts.push(encodeWeights(dtype, data));
  }
  expect(Buffer.concat(parts).equals(writeSafetensors(tensors, { step: '7' }))).toBe(true);
  expect(totalBytes).toBe(Buffer.concat(parts).length);
});

it('gives back what was written, rounded to the dtype', async () => {
  const tensor = fc.record({
    dtype: fc.constantFrom('F32' as const, 'F16' as const, 'BF16' as const),
    shape: fc.array(fc.nat({ max: 5 }), { maxLength: 3 }),
  });
  const files = fc.uniqueArray(fc.tuple(fc.string(), tensor), { selector: ([name]) => name, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(files, fc.dictionary(fc.string(), fc.string()), async (list, metadata) => {
      const tensors = list.map(([name, { dtype, shape }]) => {
        const size = shape.reduce((product, dimension) => product * dimension, 1);
        return { name, dtype, shape, data: Float32Array.from({ length: size }, (_, index) => (index % 9) - 4.5) };
      });
      const file = await openSafetensors(bytesSource(writeSafetensors(tensors, metadata)));
      expect(file.tensors.size).toBe(tensors.length);
      expect(new Map(Object.entries(metadata))).toEqual(file.metadata);
      for (const { name, shape, data } of tensors) {
        expect(file.tensors.get(name)?.shape).toEqual(shape);
        expect(await file.read(name)).toEqual(data);
      }
    }),
    { numRuns: 200 },
  );
});

it('refuses names that cannot be written and shapes that data does not fill', () => {
  expect(() => writeSafetensors([one('a'), one('a')])).toThrow(InvalidArgumentError);
  expect(() => writeSafetensors([one('__metadata__')])).toThrow(InvalidArgumentError);
  for (const shape of [[2], [-1], [0.5, 2], [2 ** 30, 2 ** 30], [Number.NaN]]) {
    expect(() => writeSafetensors([{ ...one('x'), shape }])).toThrow(ShapeError);
  }
});
