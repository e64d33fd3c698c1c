import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidFileError, UnsupportedError } from '@inattention/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeWholeFolder } from './whole-files.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inattention-refused-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const one = new Map([['a', []]]);

it.runIf(existsSync('/proc/self')).each(['/proc/model', '/proc/x/y', '/proc/x/y/z'])(
  'tells of a place that takes no folders, at once: %s',
  async (path) => {
    await expect(writeWholeFolder(path, one)).rejects.toThrow(InvalidFileError);
  },
);

it('tells of a place in a file', async () => {
  await writeFile(join(folder, 'file'), 'kept');
  await expect(writeWholeFolder(join(folder, 'file', 'x', 'y'), one)).rejects.toThrow(/cannot be written/);
  expect(await readdir(folder)).toEqual(['file']);
  await rm(join(folder, 'file'));
});

it('leaves nothing of what failed on the way, folders included', async () => {
  async function* failing() {
    yield Uint8Array.of(1);
    throw new UnsupportedError({ what: 'No further.' });
  }
  const files = new Map<string, AsyncIterable<Uint8Array>>([['a', failing()]]);
  await expect(writeWholeFolder(join(folder, 'x', 'y', 'z'), files)).rejects.toThrow(UnsupportedError);
  expect(await readdir(folder)).toEqual([]);
});
