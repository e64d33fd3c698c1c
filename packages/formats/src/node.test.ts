import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AbortedError, InvalidFileError } from '@inattention/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fileSource, openDirectory, openFiles, openModelAt } from './node.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inattention-formats-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

it('reads ranges of a file', async () => {
  await writeFile(join(folder, 'x'), 'hello');
  const source = await fileSource(join(folder, 'x'));
  expect(source?.size).toBe(5);
  expect(new TextDecoder().decode(await source?.read(1, 4))).toBe('ell');
  expect(await source?.read(5, 5)).toHaveLength(0);
  await expect(source?.read(0, 6)).rejects.toThrow(InvalidFileError);
  await expect(source?.read(0, 1, AbortSignal.abort())).rejects.toThrow(AbortedError);
});

it('finds no file where there is none, or a folder', async () => {
  await writeFile(join(folder, 'x'), '');
  expect(await fileSource(join(folder, 'nothing'))).toBeNull();
  expect(await fileSource(join(folder, 'x', 'below'))).toBeNull();
  expect(await fileSource(folder)).toBeNull();
});

it('refuses a file that was replaced, cut or deleted since it was opened', async () => {
  const path = join(folder, 'x');
  await writeFile(path, 'hello');
  const source = await fileSource(path);
  await truncate(path, 3);
  await expect(source?.read(0, 2)).rejects.toThrow('was replaced or written to');
  await rm(path);
  await expect(source?.read(0, 2)).rejects.toThrow('cannot be read');
  await expect(source?.read(0, 2)).rejects.toThrow(InvalidFileError);
});

it('opens files of a folder, through links too, and refuses names outside', async () => {
  await mkdir(join(folder, 'model', 'sub'), { recursive: true });
  await writeFile(join(folder, 'secret'), 's');
  await writeFile(join(folder, 'model', 'config.json'), '{}');
  await writeFile(join(folder, 'model', 'sub', 'shard'), 'w');
  await symlink(join(folder, 'secret'), join(folder, 'model', 'linked'));
  const model = await openDirectory(join(folder, 'model'));
  expect((await model.open('config.json'))?.size).toBe(2);
  expect((await model.open('sub/shard'))?.size).toBe(1);
  expect((await model.open('linked'))?.size).toBe(1);
  expect(await model.open('missing')).toBeNull();
  expect(await model.open('sub')).toBeNull();
  expect(await model.list?.()).toEqual(['config.json', 'linked', 'sub/shard']);
  await expect(model.open('../secret')).rejects.toThrow(InvalidFileError);
  await expect(model.open(join(folder, 'secret'))).rejects.toThrow(InvalidFileError);
});

it('says when there is no such folder', async () => {
  await writeFile(join(folder, 'x'), '');
  await expect(openDirectory(join(folder, 'nothing'))).rejects.toThrow('Got: nothing there.');
  await expect(openDirectory(join(folder, 'x'))).rejects.toThrow('Got: a file.');
});

it('opens files that each have a URL of their own', async () => {
  await writeFile(join(folder, 'hashed-1f.json'), 'hello');
  const source = openFiles({ 'config.json': pathToFileURL(join(folder, 'hashed-1f.json')) });
  const file = await source.open('config.json');
  expect(new TextDecoder().decode(await file?.read(0, 5))).toBe('hello');
  expect(await source.open('model.safetensors')).toBeNull();
  expect(await source.list?.()).toEqual(['config.json']);
  expect(() => openFiles({ 'config.json': 'https://example.org/config.json' })).toThrow(InvalidFileError);
  expect(() => openFiles({ '../config.json': pathToFileURL(folder) })).toThrow('outside its folder');
});

it('refuses what looks like a URL and is none', async () => {
  await expect(openModelAt('http://')).rejects.toThrow(InvalidFileError);
  await expect(openModelAt('https://[')).rejects.toThrow('The URL of the model cannot be read');
});
