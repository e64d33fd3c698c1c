/**
 * `@inattention/formats/node`: files and folders of Node's file system, in an entry of its own so that bundles for
 * browsers lack it.
 *
 * A file is opened for each read and closed after it: nothing to dispose of, no handle to leak. A file that was replaced
 * since it was first seen is refused, so one tensor never mixes two versions.
 */

import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { InvalidFileError, OutOfMemoryError, throwIfAborted } from '@inattention/core';
import { partsNamedLike, partUrls } from './gguf/part-names.ts';
import { type ByteSource, checkRange, checkRelativePath, type ModelSource } from './sources/byte-source.ts';
import type { UrlOptions } from './sources/http.ts';
import { openUrls } from './sources/url-files.ts';
import { openUrl, urlSource } from './sources/url-source.ts';

/** Node reads at most 2 GiB at once. */
const longestRead = 2 ** 30;

/** One file; null when there is none. Throws InvalidFileError when it cannot be looked at. */
export async function fileSource(path: string): Promise<ByteSource | null> {
  const first = await look(path);
  if (!first?.isFile()) return null;
  const size = Number(first.size);
  return {
    name: path,
    size,
    async read(start, end, signal) {
      throwIfAborted(signal, `Reading ${path}`);
      checkRange(path, size, start, end);
      const bytes = allocate(path, end - start);
      const handle = await open(path, 'r').catch((cause: unknown) => Promise.reject(unreadable(path, cause)));
      try {
        checkUnchanged(path, first, await handle.stat({ bigint: true }));
        await fill(handle, bytes, path, start, signal);
        return bytes;
      } finally {
        await handle.close();
      }
    },
  };
}

/** A model's folder. Throws InvalidFileError when there is no such folder. */
export async function openDirectory(path: string): Promise<ModelSource> {
  const stats = await look(path);
  if (!stats?.isDirectory()) {
    throw new InvalidFileError({
      what: `There is no model folder at ${path}.`,
      got: stats === null ? 'nothing there' : 'a file',
      expected: 'a folder with config.json and model.safetensors',
    });
  }
  return {
    name: path,
    async open(file) {
      checkRelativePath(file);
      return fileSource(join(path, file));
    },
    async list() {
      const entries = await readdir(path, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
      return files.map((entry) => relative(path, join(entry.parentPath, entry.name)).replaceAll(sep, '/')).sort();
    },
  };
}

/**
 * A model whose files each have a place of their own, at file: URLs, by their names in the folder that they would make: what
 * `openUrls` is in a page. Throws InvalidFileError for a URL of another kind.
 */
export function openFiles(files: Readonly<Record<string, string | URL>>): ModelSource {
  const paths = new Map(Object.entries(files).map(([name, url]) => [name, pathOf(name, url)] as const));
  return {
    name: `files at ${[...paths.values()].join(', ')}`,
    async open(file) {
      checkRelativePath(file);
      const path = paths.get(file);
      return path === undefined ? null : fileSource(path);
    },
    list: async () => [...paths.keys()],
  };
}

function pathOf(name: string, url: string | URL): string {
  checkRelativePath(name);
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new InvalidFileError({
      what: `${name} is at no file: URL.`,
      got: String(url).slice(0, 100),
      expected: 'file:///…',
      fix: 'open addresses of the web with openUrls',
      cause,
    });
  }
}

/**
 * A model wherever it is: a folder, a GGUF file, the URL of a folder, or the URL of a GGUF file (its path ends with .gguf).
 * Of a model in several GGUF files (…-00001-of-00003.gguf) any one stands for all, which lie beside it. What it holds shows
 * when it is opened. Throws InvalidFileError when nothing is there.
 */
export async function openModelAt(
  place: string,
  options: UrlOptions = {},
  signal?: AbortSignal,
): Promise<ModelSource | ByteSource> {
  if (/^https?:\/\//i.test(place)) {
    if (!URL.canParse(place)) {
      throw new InvalidFileError({
        what: 'The URL of the model cannot be read.',
        got: place,
        expected: 'https://host/path',
      });
    }
    if (!/\.gguf$/i.test(new URL(place).pathname)) return openUrl(place, options);
    const parts = partUrls(place);
    if (parts !== null) return openUrls(parts, options);
    const file = await urlSource(place, options, signal);
    if (file !== null) return file;
    throw new InvalidFileError({ what: `There is no file at ${place}.`, fix: 'check the URL' });
  }
  const parts = partsNamedLike(place);
  if (parts !== null) return openFiles(Object.fromEntries(parts.map((path) => [basename(path), pathToFileURL(path)])));
  return (await fileSource(place)) ?? openDirectory(place);
}

/** What is at a path; null when there is nothing. */
async function look(path: string): Promise<BigIntStats | null> {
  try {
    return await stat(path, { bigint: true });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw unreadable(path, cause);
  }
}

async function fill(handle: FileHandle, bytes: Uint8Array, path: string, start: number, signal?: AbortSignal) {
  let done = 0;
  while (done < bytes.length) {
    throwIfAborted(signal, `Reading ${path}`);
    const length = Math.min(bytes.length - done, longestRead);
    const { bytesRead } = await handle.read(bytes, done, length, start + done).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    if (bytesRead === 0) checkRange(path, start + done, start, start + bytes.length); // it shrank under our hands
    done += bytesRead;
  }
}

function allocate(path: string, length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new OutOfMemoryError({
      what: `There is no memory to read ${length} bytes of ${path}.`,
      requestedBytes: length,
      availableBytes: 0,
      cause,
    });
  }
}

function checkUnchanged(path: string, before: BigIntStats, now: BigIntStats): void {
  if (before.ino === now.ino && before.size === now.size && before.mtimeNs === now.mtimeNs) return;
  throw new InvalidFileError({
    what: `${path} was replaced or written to since it was opened.`,
    got: `${now.size} bytes, last changed ${now.mtimeMs} ms after 1970`,
    expected: `${before.size} bytes, last changed ${before.mtimeMs} ms after 1970`,
    fix: 'open the model again',
  });
}

function unreadable(path: string, cause: unknown): InvalidFileError {
  return new InvalidFileError({
    what: `${path} cannot be read.`,
    got: cause instanceof Error ? cause.message : String(cause),
    fix: 'check the permissions of the file and its folder',
    cause,
  });
}
