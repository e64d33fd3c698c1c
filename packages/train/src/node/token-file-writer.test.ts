import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AbortedError, InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { bytesSource, createByteTokenizer } from '@inattention/formats';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DocumentSource, documentsInMemory, wholeDocuments } from '../data/documents.ts';
import type { TokenData } from '../data/token-data.ts';
import { checkTokenFile } from '../data/token-file.ts';
import { type TokenizeProgress, tokenizeInMemory } from '../data/tokenize-documents.ts';
import { openDocuments, openTokens } from './text-sources.ts';
import { prepareTokens } from './token-file-writer.ts';

const tokenizer = createByteTokenizer({ endOfText: true });
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inattention-tokens-'));
});
afterEach(() => rm(folder, { recursive: true }));

const pathOf = (name: string) => join(folder, name);
const write = async (name: string, content: string | Uint8Array) => {
  await writeFile(pathOf(name), content);
  return pathOf(name);
};

async function documentsOf(data: TokenData): Promise<number[][]> {
  const documents: number[][] = [];
  for (let at = 0; at < data.tokenCount; ) {
    const { start, end } = await data.documentAt(at);
    documents.push([...(await data.readTokens(start, end))]);
    at = end;
  }
  return documents;
}
const bytes = (text: string) => [...new TextEncoder().encode(text), 256];

it('tokenizes text and JSONL files into one', async () => {
  const plain = await write('a.txt', '\ufeffone\n--\ntwo\r\n--\r\n\n--\n--');
  const lines = await write('b.jsonl', '{"text":"three"}\n\n{"text":"","n":1}\r\n{"text":"föur\\n"}');
  const sources = [await openDocuments(plain, { separator: '--' }), await openDocuments(lines)];
  const prepared = await prepareTokens(pathOf('data.tokens'), sources, { tokenizer });
  const data = await openTokens(prepared.path);
  expect(await documentsOf(data)).toEqual(['one\n', 'two\r\n', '\n', 'three', 'föur\n'].map(bytes));
  expect(data).toMatchObject({ vocabSize: 257, tokenizerFingerprint: 'bytes+end', fingerprint: prepared.fingerprint });
  const content = await readFile(prepared.path);
  expect(prepared).toMatchObject({ bytes: content.length, tokens: 26, documents: 5 });
  await checkTokenFile(bytesSource(new Uint8Array(content), prepared.path));
  expect(await documentsOf(await tokenizeInMemory(sources, { tokenizer }))).toEqual(await documentsOf(data));
  expect((await readdir(folder)).sort()).toEqual(['a.txt', 'b.jsonl', 'data.tokens']);
});

it('keeps documents as they are, wherever pieces and separators fall', async () => {
  const line = fc.oneof(fc.constantFrom('', '-', '--', '---', ' --', 'é'), fc.constant('long words '.repeat(9000)));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 30 }), fc.constantFrom('\n', '\r\n'), async (all, newline) => {
      const source = await openDocuments(await write('p.txt', all.join(newline)), { separator: '--' });
      const expected: string[] = [];
      let document = '';
      all.forEach((text, i) => {
        if (text === '--') {
          expected.push(document);
          document = '';
        } else document += text + (i < all.length - 1 ? newline : '');
      });
      const got: string[] = [];
      for await (const text of wholeDocuments([source])) got.push(text);
      expect(got).toEqual([...expected, document].filter((text) => text !== ''));
    }),
    { numRuns: 50 },
  );
});

it('puts nothing after documents, or another id, where that is asked for', async () => {
  const sources = [documentsInMemory(['a', 'b'])];
  for (const [endOfText, expected] of [
    [null, [[97], [98]]],
    [
      7,
      [
        [97, 7],
        [98, 7],
      ],
    ],
  ] as const) {
    const { path } = await prepareTokens(pathOf('data.tokens'), sources, { tokenizer, endOfText });
    expect(await documentsOf(await openTokens(path))).toEqual(expected);
  }
  await expect(prepareTokens(pathOf('x'), sources, { tokenizer, endOfText: 257 })).rejects.toThrow(
    InvalidArgumentError,
  );
});

it('reports progress up to the end', async () => {
  const reports: TokenizeProgress[] = [];
  const source = await openDocuments(await write('a.txt', 'abc'));
  await prepareTokens(pathOf('t'), [source], { tokenizer, onProgress: (progress) => reports.push(progress) });
  expect(reports.at(-1)).toEqual({ done: 3, total: 3, documents: 1, tokens: 4 });
});

it.each([
  ['is cancelled', new AbortedError({ what: 'Stopped.' })],
  ['cannot be read', new TypeError('broken')],
])('leaves what was there when a source %s', async (_what, error) => {
  const path = await write('data.tokens', 'before');
  const broken: DocumentSource = {
    name: 'broken',
    size: 1,
    async *pieces() {
      yield { text: 'abc', endsDocument: true, read: 0 };
      throw error;
    },
  };
  await expect(prepareTokens(path, [broken], { tokenizer })).rejects.toBe(error);
  expect(await readFile(path, 'utf8')).toBe('before');
  expect(await readdir(folder)).toEqual(['data.tokens']);
});

it('stops in the middle when it is cancelled', async () => {
  const controller = new AbortController();
  const source: DocumentSource = {
    name: 'endless',
    size: 0,
    async *pieces() {
      for (let i = 0; ; i += 1) {
        if (i === 100) controller.abort();
        yield { text: 'abc', endsDocument: true, read: 0 };
      }
    },
  };
  await expect(prepareTokens(pathOf('t'), [source], { tokenizer, signal: controller.signal })).rejects.toThrow(
    AbortedError,
  );
  expect(await readdir(folder)).toEqual([]);
});

it.each([
  ['no folder', 'nowhere/data.tokens', [documentsInMemory(['a'])], /cannot be written/],
  ['no sources', 'data.tokens', [], /nothing to tokenize/],
  ['no text', 'data.tokens', [documentsInMemory(['', ''])], /no text/],
])('refuses %s', async (_what, name, sources, message) => {
  await expect(prepareTokens(pathOf(name), sources, { tokenizer })).rejects.toThrow(message);
  expect(await readdir(folder)).toEqual([]);
});

it.each([
  ['text that is no UTF-8', 'a.txt', Uint8Array.of(97, 0xff, 98), /a\.txt is not UTF-8/],
  ['text that is cut off', 'a.txt', Uint8Array.of(97, 0xe2, 0x82), /cut off at its end/],
  ['a line that is no JSON', 'a.jsonl', '{"text":"a"}\n{"text":', /Line 2 of .* is not JSON/],
  ['a line without the field', 'a.jsonl', '\n{"content":"a"}', /Line 2 of .* has no text.*name the field/],
  ['a field from elsewhere', 'a.ndjson', '{"__proto__":{"text":"a"}}', /has no text/],
  ['a field that is no string', 'a.jsonl', '{"text":["a"]}', /has no text/],
  ['a line that is no object', 'a.jsonl', '"text"', /has no text/],
])('refuses %s', async (_what, name, content, message) => {
  const source = await openDocuments(await write(name, content));
  const run = prepareTokens(pathOf('data.tokens'), [source], { tokenizer });
  await expect(run).rejects.toThrow(InvalidFileError);
  await expect(run).rejects.toThrow(message);
});

it('reads another field of JSONL, and refuses files and separators that are none', async () => {
  const source = await openDocuments(await write('a.jsonl', '{"content":"a"}'), { field: 'content' });
  expect(await documentsOf(await tokenizeInMemory([source], { tokenizer }))).toEqual([[97, 256]]);
  await expect(openDocuments(pathOf('nothing.txt'))).rejects.toThrow(/There is no file/);
  await expect(openTokens(folder)).rejects.toThrow(/There is no file/);
  await expect(openTokens(pathOf('a.jsonl'))).rejects.toThrow(/is no token file/);
  await expect(openDocuments(pathOf('a.jsonl').replace('jsonl', 'txt'))).rejects.toThrow(InvalidFileError);
  const text = await write('a.txt', 'a');
  await expect(openDocuments(text, { separator: 'a\nb' })).rejects.toThrow(InvalidArgumentError);
});
