/**
 * Models from the network, kept in the browser (Cache API): downloaded once, then opened without asking anybody. A model
 * counts as kept when its list of files is, which is written last; what was cut off in the middle is downloaded again.
 */

import { InvalidFileError, throwIfAborted } from '@inattention/core';
import type { ModelLocation } from '@inattention/model/worker';
import { modelFileNames, type NamedAddress } from './model-addresses.ts';

const cacheName = 'inattention-models';

/** Addresses of the lists; nobody has this host (RFC 6761). */
const listAddress = 'https://kept.invalid/?';

export interface KeptModel {
  readonly url: string;
  /** Of all files. */
  readonly bytes: number;
}

interface FileList extends KeptModel {
  readonly files: readonly (NamedAddress & { readonly bytes: number })[];
}

/** How a download goes: bytes of a file so far and in all, null where the server does not say. */
export type DownloadProgress = (name: string, done: number, total: number | null) => void;

/** The kept models; none where the browser keeps nothing. */
export async function keptModels(): Promise<KeptModel[]> {
  const cache = await openCache();
  if (cache === null) return [];
  const lists = (await cache.keys()).filter(({ url }) => url.startsWith(listAddress));
  const found = await Promise.all(lists.map(({ url }) => readList(cache, url)));
  return found.filter((list) => list !== null);
}

export async function forgetModel(url: string): Promise<void> {
  const cache = await openCache();
  const list = cache && (await readList(cache, listOf(url)));
  if (cache === null || list === null) return;
  await cache.delete(listOf(url));
  for (const { address } of list.files) await cache.delete(address);
}

/**
 * The model at a URL, a folder's or a GGUF file's, from what is kept or by download. Throws InvalidFileError for what
 * cannot be had, AbortedError.
 */
export async function modelAt(url: string, signal: AbortSignal, onProgress: DownloadProgress): Promise<ModelLocation> {
  const cache = await openCache();
  if (cache === null) return { url };
  const kept = await filesOf(cache, url);
  if (kept !== null) return { files: kept };
  const names = await modelFileNames(url, signal);
  try {
    const files: FileList['files'][number][] = [];
    for (const { name, address } of names) {
      const bytes = await download(cache, address, signal, (done, total) => onProgress(name, done, total));
      files.push({ name, address, bytes });
    }
    const list: FileList = { url, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), files };
    await cache.put(listOf(url), Response.json(list));
  } catch (error) {
    for (const { address } of names) await cache.delete(address);
    throwIfAborted(signal, 'The download');
    // No room: the model is read from where it is, and not kept.
    if (error instanceof DOMException && error.name === 'QuotaExceededError') return { url };
    throw error;
  }
  const files = await filesOf(cache, url);
  return files === null ? { url } : { files };
}

/** Downloads a file into the cache; resolves to its length. */
async function download(
  cache: Cache,
  address: string,
  signal: AbortSignal,
  onProgress: (done: number, total: number | null) => void,
): Promise<number> {
  const response = await fetch(address, { signal });
  if (!response.ok || response.body === null) throw cannotBeRead(address, `HTTP ${response.status}`);
  const announced = Number(response.headers.get('content-length') ?? Number.NaN);
  // A compressed body is longer than its announced length.
  const total = response.headers.has('content-encoding') || !Number.isSafeInteger(announced) ? null : announced;
  let done = 0;
  const counting = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      done += piece.length;
      onProgress(done, total);
      controller.enqueue(piece);
    },
    flush() {
      if (total !== null && done !== total) throw cannotBeRead(address, `${done} of ${total} bytes`);
    },
  });
  await cache.put(address, new Response(response.body.pipeThrough(counting)));
  return done;
}

/** The kept files of a model; null unless all are there, as long as they were. */
async function filesOf(cache: Cache, url: string): Promise<File[] | null> {
  const list = await readList(cache, listOf(url));
  if (list === null) return null;
  const files: File[] = [];
  for (const { name, address, bytes } of list.files) {
    const blob = await (await cache.match(address))?.blob();
    if (blob?.size !== bytes) return null;
    files.push(new File([blob], name));
  }
  return files;
}

async function readList(cache: Cache, address: string): Promise<FileList | null> {
  const response = await cache.match(address);
  return response === undefined ? null : ((await response.json()) as FileList);
}

/** null in browsers and windows that have no cache for this page. */
async function openCache(): Promise<Cache | null> {
  try {
    return await caches.open(cacheName);
  } catch {
    return null;
  }
}

const listOf = (url: string): string => listAddress + new URLSearchParams({ url });

function cannotBeRead(address: string, got: string): InvalidFileError {
  return new InvalidFileError({ what: `${address} cannot be read.`, got, fix: 'check the address, or try again' });
}
