import {
  AbortedError,
  InvalidArgumentError,
  InvalidFileError,
  OutOfMemoryError,
  UnsupportedError,
} from '@inattention/core';
import { expect, it } from 'vitest';
import type { ByteSource } from '../sources/byte-source.ts';
import { bytesSource } from '../sources/memory-source.ts';
import { openSafetensors } from './reader.ts';
import { writeSafetensors } from './writer.ts';

/** Written by the reference implementation (safetensors 0.8.0 for Python): F32, F16, BF16 and I64 with metadata. */
const reference = `EAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJpZHMiOnsiZHR5cGUiOiJJNjQiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMi
OlswLDhdfSwiYi53ZWlnaHQiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsMl0sImRhdGFfb2Zmc2V0cyI6WzgsMjRdfSwiYy5iZiI6eyJkdHlwZSI6
IkJGMTYiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOlsyNCwyOF19LCJhLmhhbGYiOnsiZHR5cGUiOiJGMTYiLCJzaGFwZSI6WzNdLCJkYXRhX29m
ZnNldHMiOlsyOCwzNF19fSAgIAcAAAAAAAAAAACAPwAAIEAAAEDAbxKDOsA/Yv8APP97AYA=`;
const referenceFile = () => bytesSource(new Uint8Array(Buffer.from(reference, 'base64')), 'reference');

/** A source that writes down what is read of it. */
function watched(bytes: Uint8Array): { source: ByteSource; reads: [number, number][] } {
  const inner = bytesSource(bytes, 'watched');
  const reads: [number, number][] = [];
  const read: ByteSource['read'] = (start, end, signal) => {
    reads.push([start, end]);
    return inner.read(start, end, signal);
  };
  return { source: { ...inner, read }, reads };
}

it('reads a file of the reference implementation', async () => {
  const file = await openSafetensors(referenceFile());
  expect([...file.tensors.keys()]).toEqual(['ids', 'b.weight', 'c.bf', 'a.half']);
  expect([...file.metadata]).toEqual([['format', 'pt']]);
  expect([...(await file.read('b.weight'))]).toEqual([1, 2.5, -3, Math.fround(1e-3)]);
  expect([...(await file.read('a.half'))]).toEqual([1, 65504, -(2 ** -24)]);
  expect([...(await file.read('c.bf'))]).toEqual([1.5, -(2 ** 127) * (1 + 98 / 128)]);
});

it('lists a dtype it does not decode, gives its bytes, and refuses it as weights by name', async () => {
  const file = await openSafetensors(referenceFile());
  expect(file.tensors.get('ids')).toMatchObject({ dtype: 'I64', shape: [1] });
  expect([...(await file.readBytes('ids'))]).toEqual([7, 0, 0, 0, 0, 0, 0, 0]);
  expect([...(await file.readBytes('ids', { length: 2 }))]).toEqual([7, 0]);
  await expect(file.read('ids')).rejects.toThrow(UnsupportedError);
  await expect(file.read('ids')).rejects.toThrow('I64 in tensor "ids"');
});

it('reads the header alone when opening, and a tensor alone when asked for it', async () => {
  const tensors = ['a', 'b'].map((name) => ({ name, shape: [1000], data: new Float32Array(1000).fill(3) }));
  const bytes = writeSafetensors(tensors);
  const { source, reads } = watched(bytes);
  const file = await openSafetensors(source);
  const dataStart = bytes.length - 8000;
  expect(reads).toEqual([
    [0, 8],
    [8, dataStart],
  ]);
  expect((await file.read('b'))[999]).toBe(3);
  expect(reads.slice(2)).toEqual([[dataStart + 4000, dataStart + 8000]]);
});

it('reads a large tensor in pieces, of every dtype, as it was written', async () => {
  const elements = 9 * 2 ** 20 + 3; // over 16 MiB as F16, over 32 as F32
  const data = Float32Array.from({ length: elements }, (_, index) => (index % 2039) - 1000);
  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    const { source, reads } = watched(writeSafetensors([{ name: 'x', dtype, shape: [elements], data }]));
    const read = await (await openSafetensors(source)).read('x');
    const exact = dtype === 'BF16' ? 256 : 2048; // whole numbers that bfloat16 holds exactly end at 256
    expect(read.findIndex((value, index) => Math.abs(data[index]) <= exact && value !== data[index])).toBe(-1);
    expect(reads.length).toBe(dtype === 'F32' ? 5 : 4);
    expect(Math.max(...reads.map(([start, end]) => end - start))).toBe(16 * 2 ** 20);
  }
});

it('does not depend on the alignment of what a source gives', async () => {
  const bytes = new Uint8Array(Buffer.from(reference, 'base64'));
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  const read: ByteSource['read'] = async (start, end) => shifted.subarray(1 + start, 1 + end);
  const file = await openSafetensors({ name: 'odd', size: bytes.length, read });
  expect([...(await file.read('a.half'))]).toEqual([1, 65504, -(2 ** -24)]);
  expect((await file.read('b.weight'))[1]).toBe(2.5);
});

it.each<[string, number[]]>([
  ['an empty file', []],
  ['seven bytes', [2, 0, 0, 0, 0, 0, 0]],
  ['a length beyond the file', [3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]],
  ['a length over the limit', [1, 225, 245, 5, 0, 0, 0, 0, 0x7b, 0x7d]],
  ['a length near 2^64', [255, 255, 255, 255, 255, 255, 255, 255, 0x7b, 0x7d]],
  ['no header at all', [0, 0, 0, 0, 0, 0, 0, 0]],
])('refuses %s', async (_what, bytes) => {
  await expect(openSafetensors(bytesSource(Uint8Array.from(bytes)))).rejects.toThrow(InvalidFileError);
});

it('refuses a header over the limit before reading it, however long the file claims to be', async () => {
  const reads: number[] = [];
  const read: ByteSource['read'] = async (start, end) => {
    reads.push(end - start);
    return Uint8Array.of(1, 225, 245, 5, 0, 0, 0, 0);
  };
  await expect(openSafetensors({ name: 'huge', size: 2 ** 50, read })).rejects.toThrow(InvalidFileError);
  expect(reads).toEqual([8]);
});

it('turns a tensor too large for memory into OutOfMemoryError', async () => {
  const header = '{"x":{"dtype":"BF16","shape":[1125899906842624],"data_offsets":[0,2251799813685248]}}';
  const text = new TextEncoder().encode(header);
  const prefix = new Uint8Array(8);
  prefix[0] = text.length;
  const read: ByteSource['read'] = async (start) => (start === 0 ? prefix : text);
  const file = await openSafetensors({ name: 'sparse', size: 8 + text.length + 2 ** 51, read });
  await expect(file.read('x')).rejects.toThrow(OutOfMemoryError);
});

it('names a tensor that is not there, and heeds a signal', async () => {
  const file = await openSafetensors(referenceFile());
  await expect(file.read('constructor')).rejects.toThrow(InvalidArgumentError);
  await expect(file.read('c.bf', { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
  await expect(openSafetensors(referenceFile(), { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
});
