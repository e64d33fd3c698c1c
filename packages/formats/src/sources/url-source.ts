/**
 * Files over HTTP, by range. A server that ignores ranges is read whole and kept, up to a limit, so that small models on
 * simple servers work.
 */

import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { type ByteSource, checkRelativePath, type ModelSource } from './byte-source.ts';
import { bytesSource, checkRange } from './memory-source.ts';

export interface UrlOptions {
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the platform's `fetch`. */
  readonly fetch?: typeof fetch;
  /** Bytes read whole when the server takes no ranges. Default 1 GiB. */
  readonly wholeFileLimit?: number;
}

/** A model's folder at a URL. */
export function openUrl(base: string | URL, options: UrlOptions = {}): ModelSource {
  const folder = new URL(base);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  return {
    name: folder.href,
    async open(path, signal) {
      checkRelativePath(path);
      return urlSource(new URL(path, folder), options, signal);
    },
  };
}

/** One file at a URL; null when the server has none. */
export async function urlSource(url: URL, options: UrlOptions = {}, signal?: AbortSignal): Promise<ByteSource | null> {
  const { wholeFileLimit = 2 ** 30 } = options;
  const first = await request(url, options, 'bytes=0-0', signal);
  if (first.status === 404 || first.status === 410) {
    await first.body?.cancel();
    return null;
  }
  const total = /\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1];
  if (first.status === 206 && total !== undefined) {
    await first.body?.cancel();
    const size = Number(total);
    return { name: url.href, size, read: (start, end, stop) => readRange(url, options, size, start, end, stop) };
  }
  if (first.status === 416) return bytesSource(new Uint8Array(0), url.href);
  if (!first.ok) throw badAnswer(url, first);
  const announced = Number(first.headers.get('content-length') ?? 0);
  if (announced > wholeFileLimit) {
    await first.body?.cancel();
    throw new InvalidFileError({
      what: `${url.href} is on a server that takes no range requests, and too large to be read whole.`,
      got: `${announced} bytes`,
      expected: `at most ${wholeFileLimit}`,
      fix: 'serve it with range requests, or raise wholeFileLimit',
    });
  }
  return bytesSource(new Uint8Array(await first.arrayBuffer()), url.href);
}

async function readRange(
  url: URL,
  options: UrlOptions,
  size: number,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  checkRange(url.href, size, start, end);
  if (start === end) return new Uint8Array(0);
  const response = await request(url, options, `bytes=${start}-${end - 1}`, signal);
  if (response.status !== 206) throw badAnswer(url, response);
  const bytes = new Uint8Array(await response.arrayBuffer());
  checkRange(url.href, start + bytes.length, start, end);
  return bytes.subarray(0, end - start);
}

async function request(url: URL, options: UrlOptions, range: string, signal?: AbortSignal): Promise<Response> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new InvalidArgumentError({ what: 'A model URL starts with http: or https:.', got: url.href });
  }
  const headers = { ...options.headers, range };
  try {
    return await (options.fetch ?? fetch)(url, { headers, ...(signal && { signal }) });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new InvalidFileError({
      what: `${url.href} cannot be reached.`,
      got: cause instanceof Error ? cause.message : String(cause),
      fix: 'check the address, the connection and the server’s CORS headers',
      cause,
    });
  }
}

function badAnswer(url: URL, response: Response): InvalidFileError {
  return new InvalidFileError({
    what: `${url.href} cannot be read.`,
    got: `HTTP ${response.status} ${response.statusText}`,
    expected: 'HTTP 206 or 200',
  });
}
