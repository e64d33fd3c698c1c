/**
 * Files over HTTP, by range. The first request asks for the head of the file, where headers live, and learns its length.
 * A server that ignores ranges is read whole and kept, up to a limit, so that small models on simple servers work.
 */

import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { type ByteSource, checkRange, checkRelativePath, type ModelSource } from './byte-source.ts';
import { badAnswer, discard, readBody, request, type UrlOptions } from './http.ts';
import { bytesSource } from './memory-source.ts';

/** Bytes of the first request: holds the header of a small model, so that opening one takes one round trip. */
const headBytes = 65_536;

/**
 * A model's folder at a URL; in a page the URL may be relative to it.
 * Throws InvalidArgumentError for what is no URL.
 */
export function openUrl(base: string | URL, options: UrlOptions = {}): ModelSource {
  const folder = parseUrl(base);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  return {
    name: folder.href,
    async open(path, signal) {
      checkRelativePath(path);
      // Escaped, so that neither "?", "#" nor "%2e%2e" in a name means anything to the URL.
      const escaped = path.split('/').map(encodeURIComponent).join('/');
      return urlSource(new URL(escaped, folder), options, signal);
    },
  };
}

/** One file at a URL; null when the server has none. Throws InvalidFileError when it cannot be read. */
export async function urlSource(
  at: string | URL,
  options: UrlOptions = {},
  signal?: AbortSignal,
): Promise<ByteSource | null> {
  const url = parseUrl(at);
  const { wholeFileLimit = 2 ** 30 } = options;
  const first = await request(url, options, rangeInit(0, headBytes, signal));
  if (isMissing(url, first)) {
    await discard(first);
    return null;
  }
  if (first.status === 416) {
    // No byte satisfies the range: the file is empty.
    await discard(first);
    return bytesSource(new Uint8Array(0), url.href);
  }
  if (first.status === 206) return rangedSource(url, options, first, signal);
  if (first.status !== 200) throw await badAnswer(url, first);
  const announced = Number(first.headers.get('content-length') ?? 0);
  if (announced > wholeFileLimit) {
    await discard(first);
    throw new InvalidFileError({
      what: `${url.href} is on a server that takes no range requests, and too large to be read whole.`,
      got: `${announced} bytes`,
      expected: `at most ${wholeFileLimit}`,
      fix: 'serve it with range requests, or raise wholeFileLimit',
    });
  }
  return bytesSource(await readBody(url, first, wholeFileLimit, options, signal), url.href);
}

/** A file whose server answers ranges; `first` holds its head. */
async function rangedSource(url: URL, options: UrlOptions, first: Response, signal?: AbortSignal): Promise<ByteSource> {
  const entityTag = first.headers.get('etag');
  const range = contentRange(first);
  const head = await readBody(url, first, headBytes, options, signal);
  const size = range?.total ?? (await announcedSize(url, options, signal));
  if ((range !== undefined && range.start !== 0) || head.length !== Math.min(size, headBytes)) {
    throw wrongRange(url, `${head.length} bytes from ${range?.start ?? 0} of ${size}`, 'its head');
  }
  return {
    name: url.href,
    size,
    async read(start, end, stop) {
      checkRange(url.href, size, start, end);
      if (start === end || end <= head.length) return head.slice(start, end);
      const response = await request(url, options, rangeInit(start, end, stop));
      if (response.status !== 206) throw await badAnswer(url, response, 'HTTP 206, as before');
      const tag = response.headers.get('etag');
      const answered = contentRange(response);
      if ((entityTag !== null && tag !== null && tag !== entityTag) || (answered && answered.total !== size)) {
        await discard(response);
        throw new InvalidFileError({ what: `${url.href} changed while it was read.`, fix: 'open the model again' });
      }
      const bytes = await readBody(url, response, end - start, options, stop);
      if (bytes.length !== end - start || (answered !== undefined && answered.start !== start)) {
        throw wrongRange(url, `${bytes.length} bytes from ${answered?.start ?? start}`, `${end - start} from ${start}`);
      }
      return bytes;
    },
  };
}

/** The length by a HEAD request: a page sees Content-Range only where the server exposes it to other origins. */
async function announcedSize(url: URL, options: UrlOptions, signal?: AbortSignal): Promise<number> {
  const response = await request(url, options, { method: 'HEAD', ...(signal && { signal }) });
  const length = response.headers.get('content-length');
  if (response.status === 200 && length !== null && /^\d+$/.test(length)) return Number(length);
  throw new InvalidFileError({
    what: `${url.href}: the server does not tell how long the file is.`,
    expected: 'a Content-Range header that the page may see, or Content-Length for HEAD',
    fix: 'let the server send "Access-Control-Expose-Headers: Content-Range, Content-Length, ETag"',
  });
}

function contentRange(response: Response): { start: number; total: number } | undefined {
  const match = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '');
  return match === null ? undefined : { start: Number(match[1]), total: Number(match[2]) };
}

/** True when there is no such file. Servers of single-page apps answer every unknown path with their page. */
function isMissing(url: URL, response: Response): boolean {
  if (response.status === 404 || response.status === 410) return true;
  const isPage = response.headers.get('content-type')?.startsWith('text/html') ?? false;
  return response.ok && isPage && !/\.html?$/.test(url.pathname);
}

function rangeInit(start: number, end: number, signal?: AbortSignal): RequestInit {
  return { headers: { range: `bytes=${start}-${end - 1}` }, ...(signal && { signal }) };
}

function wrongRange(url: URL, got: string, expected: string): InvalidFileError {
  return new InvalidFileError({
    what: `${url.href}: the server answered another range than it was asked for.`,
    got,
    expected,
    fix: 'use a server that answers range requests',
  });
}

function parseUrl(url: string | URL): URL {
  try {
    return new URL(url, globalThis.location?.href);
  } catch (cause) {
    throw new InvalidArgumentError({
      what: 'This is no URL.',
      got: String(url),
      expected: 'http: or https:, absolute',
      cause,
    });
  }
}
