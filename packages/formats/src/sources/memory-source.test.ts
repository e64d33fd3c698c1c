import { AbortedError, InvalidFileError } from '@inattention/core';
import { expect, it } from 'vitest';
import { bytesSource, filesInMemory } from './memory-source.ts';

it('reads ranges as copies', async () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const source = bytesSource(bytes);
  const read = await source.read(1, 3);
  bytes.fill(9);
  expect([...read]).toEqual([2, 3]);
  expect(source.size).toBe(4);
  await expect(source.read(3, 5)).rejects.toThrow(InvalidFileError);
});

it('copies out of a Node Buffer too, whose slice is a view', async () => {
  const buffer = Buffer.from([1, 2, 3]);
  const read = await bytesSource(buffer).read(0, 3);
  buffer.fill(9);
  expect([...read]).toEqual([1, 2, 3]);
  expect(Buffer.isBuffer(read)).toBe(false);
});

it('takes an ArrayBuffer and heeds a signal', async () => {
  const source = bytesSource(Uint8Array.of(7).buffer);
  expect([...(await source.read(0, 1))]).toEqual([7]);
  await expect(source.read(0, 1, AbortSignal.abort())).rejects.toThrow(AbortedError);
});

it('finds files by name, and nothing by the names of prototype members', async () => {
  const folder = filesInMemory(new Map([['config.json', Uint8Array.of(1)]]));
  expect((await folder.open('config.json'))?.size).toBe(1);
  expect(await folder.open('constructor')).toBeNull();
  expect(await folder.list?.()).toEqual(['config.json']);
  await expect(folder.open('../config.json')).rejects.toThrow(InvalidFileError);
});
