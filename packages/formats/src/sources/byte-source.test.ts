import { InvalidFileError } from '@inattention/core';
import { expect, it } from 'vitest';
import { type ByteSource, checkRange, checkRelativePath, readAll, readExactly } from './byte-source.ts';

it.each([
  '',
  '.',
  '..',
  '../x',
  'a/../../x',
  '/etc/passwd',
  'a//b',
  'a/',
  'a\\b',
  '..\\x',
  'C:x',
  'a\0b',
  'a\nb',
  'x'.repeat(1025),
])('refuses the name %j', (path) => {
  expect(() => checkRelativePath(path)).toThrow(InvalidFileError);
});

it.each(['model.safetensors', 'a/b.json', '..x', 'x..', '%2e%2e/x', 'ä b?#'])('accepts the name %j', (path) => {
  expect(() => checkRelativePath(path)).not.toThrow();
});

it.each([
  [-1, 2],
  [2, 1],
  [0, 11],
  [0.5, 2],
  [0, Number.NaN],
  [11, 11],
])('refuses bytes %d to %d of 10', (start, end) => {
  expect(() => checkRange('f', 10, start, end)).toThrow(InvalidFileError);
});

it('accepts every range within the size, empty ones included', () => {
  for (const [start, end] of [
    [0, 0],
    [0, 10],
    [10, 10],
    [3, 4],
  ]) {
    expect(() => checkRange('f', 10, start, end)).not.toThrow();
  }
});

it('notices a source that gives too few or too many bytes', async () => {
  const lying: ByteSource = { name: 'liar', size: 8, read: async () => new Uint8Array(5) };
  await expect(readExactly(lying, 0, 8)).rejects.toThrow('liar gave another number of bytes');
  await expect(readExactly(lying, 0, 4)).rejects.toThrow(InvalidFileError);
  await expect(readAll(lying, 7)).rejects.toThrow('liar is too large');
});
