import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidFileError, UnsupportedError } from '@inattention/core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type SplitChanges, tinyConfig, tinyGguf, tinyPartNames, tinySplit } from '../../test/tiny-gguf.ts';
import { openModelAt } from '../node.ts';
import { type ModelFiles, openConfig, openModelFiles } from '../open-model-files.ts';
import { openFileList } from '../sources/file-source.ts';
import { bytesSource, filesInMemory } from '../sources/memory-source.ts';
import { partsNamedLike, partUrls } from './part-names.ts';

let folder = '';
let server: Server;
let parts: ReadonlyMap<string, Uint8Array>;
let whole: ModelFiles;
const [first = '', second = '', third = ''] = tinyPartNames;

vi.setConfig({ testTimeout: 60_000 });

beforeAll(async () => {
  parts = await tinySplit();
  whole = await openModelFiles(bytesSource(await tinyGguf('F16'), 'whole.gguf'));
  folder = await mkdtemp(join(tmpdir(), 'inattention-split-'));
  for (const [name, bytes] of parts) await writeFile(join(folder, name), bytes);
  server = createServer(({ url = '' }, response) => {
    const bytes = url.endsWith('?download=true') ? parts.get(url.slice('/a%20b/'.length, -14)) : undefined;
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const address = () => {
  const at = server.address();
  return `http://127.0.0.1:${typeof at === 'object' ? at?.port : ''}/a%20b/`;
};

describe('a model in three GGUF files is the model in one', () => {
  test.each([
    ['files in memory', () => filesInMemory(parts)],
    ['a folder', () => openModelAt(folder)],
    ['the path of any of them', () => openModelAt(join(folder, second))],
    ['the URL of any of them', () => openModelAt(`${address()}${third}?download=true`)],
    [
      'files chosen in a page, in any order',
      () => openFileList([...parts].reverse().map(([name, bytes]) => new File([new Uint8Array(bytes)], name))),
    ],
  ])('%s', async (_what, open) => {
    const files = await openModelFiles(await open());
    expect(files.config).toEqual(tinyConfig);
    expect(files.fingerprint).toBe(whole.fingerprint);
    expect([...files.weights.tensors.keys()].sort()).toEqual([...whole.weights.tensors.keys()].sort());
    for (const name of whole.weights.tensors.keys()) {
      const [got, expected] = [await files.weights.readBytes(name), await whole.weights.readBytes(name)];
      expect(Buffer.compare(got, expected)).toBe(0);
    }
    expect(files.weights.totalBytes).toBe(whole.weights.totalBytes);
    expect(files.tokenizer?.encode('the the')).toEqual(whole.tokenizer?.encode('the the'));
    expect(await openConfig(await open())).toEqual(tinyConfig);
  });
});

describe('refused', () => {
  const open = async (files: Iterable<readonly [string, Uint8Array]>) => openModelFiles(filesInMemory(new Map(files)));

  test.each(tinyPartNames)('a model without %s', async (missing) => {
    const left = [...parts].filter(([name]) => name !== missing);
    await expect(open(left)).rejects.toThrow(InvalidFileError);
    await expect(open(left)).rejects.toThrow(`"${missing}" of a model in 3 files is missing`);
  });

  test('a path and a URL beside which a file is missing', async () => {
    await expect(openModelFiles(await openModelAt(join(folder, 'x-00001-of-00002.gguf')))).rejects.toThrow(/missing/);
    await expect(openModelFiles(await openModelAt(`${address()}${first}`))).rejects.toThrow(/missing/);
  });

  test('one file alone, under another name', async () => {
    const alone = openModelFiles(bytesSource(parts.get(first) ?? new Uint8Array(), 'model.gguf'));
    await expect(alone).rejects.toThrow(UnsupportedError);
    await expect(alone).rejects.toThrow(/one of several files.*part 1 of 3/s);
  });

  test('another GGUF file beside them', async () => {
    const other = await tinyGguf();
    await expect(open([...parts, ['other.gguf', other]])).rejects.toThrow(/more than one model/);
  });

  test('files whose names were exchanged, and one twice', async () => {
    const [one, two, three] = [...parts.values()] as [Uint8Array, Uint8Array, Uint8Array];
    const named = (...bytes: Uint8Array[]) => tinyPartNames.map((name, i) => [name, bytes[i] as Uint8Array] as const);
    await expect(open(named(one, three, two))).rejects.toThrow(/not the file that its name says/);
    await expect(open(named(one, two, two))).rejects.toThrow(/not the file that its name says/);
  });

  test.each<[string, SplitChanges, RegExp]>([
    ['another count of files', () => ({ 'split.count': 4 }), /not the file that its name says.*part 1 of 4/s],
    ['another count of tensors', () => ({ 'split.tensors.count': 4 }), /do not hold its tensors/],
    ['a tensor in two files', (part) => ({ 'split.no': part }), /in two files/],
  ])('%s', async (what, changes, message) => {
    const files = await tinySplit(changes);
    const again = what === 'a tensor in two files' ? await tinySplit((part) => ({ 'split.no': (part + 2) % 3 })) : null;
    if (again !== null) files.set(second, again.get(third) as Uint8Array);
    await expect(open(files)).rejects.toThrow(InvalidFileError);
    await expect(open(files)).rejects.toThrow(message);
  });
});

test('names', () => {
  expect(partsNamedLike('a/b-00002-of-00003.GGUF')).toEqual([1, 2, 3].map((i) => `a/b-0000${i}-of-00003.GGUF`));
  for (const name of [
    'b.gguf',
    'b-00001-of-00001.gguf',
    'b-00004-of-00003.gguf',
    'b-1-of-3.gguf',
    'b-00000-of-00003.gguf',
  ])
    expect(partsNamedLike(name)).toBeNull();
  expect(partsNamedLike('b-00001-of-99999.gguf')).toBeNull();
  expect(partUrls('https://host/a%20b/c%2F-00001-of-00002.gguf?x=1')).toEqual({
    'c_2F-00001-of-00002.gguf': 'https://host/a%20b/c%2F-00001-of-00002.gguf?x=1',
    'c_2F-00002-of-00002.gguf': 'https://host/a%20b/c%2F-00002-of-00002.gguf?x=1',
  });
});
