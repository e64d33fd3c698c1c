/** One HTTP request and its body, with this project's errors: what every answer to url-source.ts goes through. */

import { AbortedError, InvalidArgumentError, InvalidFileError, OutOfMemoryError } from '@inattention/core';

export interface UrlOptions {
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the platform's `fetch`. */
  readonly fetch?: typeof fetch;
  /** Bytes read whole when the server takes no ranges. Default 1 GiB. */
  readonly wholeFileLimit?: number;
  /** Called as bytes arrive: how many of one request so far, of how many. */
  readonly onProgress?: (progress: UrlProgress) => void;
}

/** How far one request is. */
export interface UrlProgress {
  readonly url: string;
  /** Bytes of this request that have arrived. */
  readonly done: number;
  /** Bytes this request will bring; undefined when the server does not say. */
  readonly total: number | undefined;
}

/** Sends one request. Throws InvalidFileError when there is no answer, AbortedError when cancelled. */
export async function request(url: URL, options: UrlOptions, init: RequestInit): Promise<Response> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new InvalidArgumentError({ what: 'A model URL starts with http: or https:.', got: url.href });
  }
  const headers = new Headers(options.headers);
  new Headers(init.headers).forEach((value, name) => {
    headers.set(name, value);
  });
  try {
    return await (options.fetch ?? fetch)(url, { ...init, headers });
  } catch (cause) {
    throw noAnswer(url, init.signal, cause);
  }
}

/** Reads a body of at most `limit` bytes, stopping the transfer at the first byte too many. */
export async function readBody(
  url: URL,
  response: Response,
  limit: number,
  options: UrlOptions,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const announced = Number(response.headers.get('content-length') ?? Number.NaN);
  // A compressed body is longer than its announced length.
  const total = response.headers.has('content-encoding') || !Number.isSafeInteger(announced) ? undefined : announced;
  const chunks: Uint8Array[] = [];
  let done = 0;
  const reader = response.body?.getReader();
  const next = () => reader?.read().catch((cause: unknown) => Promise.reject(noAnswer(url, signal, cause)));
  for (let chunk = (await next())?.value; chunk !== undefined; chunk = (await next())?.value) {
    done += chunk.length;
    if (done > limit) {
      await reader?.cancel().catch(() => undefined);
      throw tooLong(url, limit);
    }
    chunks.push(chunk);
    options.onProgress?.({ url: url.href, done, total });
  }
  return joined(url, chunks, done);
}

/** Ends a transfer whose body is not wanted. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/** The error for an answer that cannot be used. Ends its transfer. */
export async function badAnswer(url: URL, response: Response, expected = 'HTTP 206 or 200'): Promise<InvalidFileError> {
  await discard(response);
  return new InvalidFileError({
    what: `${url.href} cannot be read.`,
    got: `HTTP ${response.status} ${response.statusText}`.trimEnd(),
    expected,
    ...((response.status === 401 || response.status === 403) && { fix: 'pass the authorization in `headers`' }),
  });
}

function tooLong(url: URL, limit: number): InvalidFileError {
  return new InvalidFileError({
    what: `${url.href} sends more bytes than can be taken.`,
    got: `more than ${limit}`,
    expected: `at most ${limit}`,
    fix: 'serve it with range requests, or raise wholeFileLimit',
  });
}

function noAnswer(url: URL, signal: AbortSignal | null | undefined, cause: unknown): Error {
  if (signal?.aborted) return new AbortedError({ what: `Reading ${url.href} was cancelled.`, cause: signal.reason });
  return new InvalidFileError({
    what: `${url.href} cannot be reached.`,
    got: cause instanceof Error ? cause.message : String(cause),
    fix: 'check the address, the connection and the server’s CORS headers',
    cause,
  });
}

function joined(url: URL, chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  try {
    const bytes = new Uint8Array(length);
    let offset = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    return bytes;
  } catch (cause) {
    throw new OutOfMemoryError({
      what: `There is no memory for ${url.href}.`,
      requestedBytes: length,
      availableBytes: 0,
      cause,
    });
  }
}
