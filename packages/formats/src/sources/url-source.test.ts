import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AbortedError, InAttentionError, InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { afterEach, expect, it } from 'vitest';
import type { UrlProgress } from './http.ts';
import { openUrl, urlSource } from './url-source.ts';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  server = undefined;
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(handler: Handler): Promise<string> {
  const created = createServer(handler);
  server = created;
  await new Promise<void>((resolve) => created.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(created.address() as AddressInfo).port}`;
}

/** Answers ranges of `bytes` as servers do; `also` are further headers. */
function ranged(bytes: Uint8Array, also: Record<string, string> = {}): Handler {
  return (request, response) => {
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const start = Number(match?.[1]);
    const end = Math.min(Number(match?.[2]) + 1, bytes.length);
    if (start >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}`, ...also }).end();
      return;
    }
    const headers = { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}`, ...also };
    response.writeHead(206, headers).end(bytes.subarray(start, end));
  };
}

const pattern = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 31) % 251);

it('learns the length and serves the head from the first request, later ranges from further ones', async () => {
  const bytes = pattern(200_000);
  const ranges: (string | undefined)[] = [];
  const base = await serve((request, response) => {
    ranges.push(request.headers.range);
    ranged(bytes)(request, response);
  });
  const source = await urlSource(`${base}/x`);
  expect(source?.size).toBe(200_000);
  expect(await source?.read(10, 20)).toEqual(bytes.subarray(10, 20));
  expect(ranges).toEqual(['bytes=0-65535']);
  expect(await source?.read(65_530, 150_000)).toEqual(bytes.subarray(65_530, 150_000));
  expect(ranges).toEqual(['bytes=0-65535', 'bytes=65530-149999']);
  expect(await source?.read(200_000, 200_000)).toHaveLength(0);
  await expect(source?.read(0, 200_001)).rejects.toThrow(InvalidFileError);
});

it('reads a server without ranges whole, up to the limit, and reports progress', async () => {
  const bytes = pattern(3000);
  const base = await serve((_request, response) => response.writeHead(200, { 'content-length': 3000 }).end(bytes));
  const progress: UrlProgress[] = [];
  const source = await urlSource(`${base}/x`, { onProgress: (step) => progress.push(step) });
  expect(await source?.read(0, 3000)).toEqual(bytes);
  expect(progress.at(-1)).toEqual({ url: `${base}/x`, done: 3000, total: 3000 });
  await expect(urlSource(`${base}/x`, { wholeFileLimit: 2999 })).rejects.toThrow('takes no range requests');
});

it('stops at the limit also when the server announces no length', async () => {
  const base = await serve((_request, response) => {
    response.writeHead(200);
    const more = () => {
      if (response.write(new Uint8Array(10_000))) setImmediate(more);
      else response.once('drain', more);
    };
    more();
  });
  await expect(urlSource(`${base}/x`, { wholeFileLimit: 50_000 })).rejects.toThrow('sends more bytes');
});

it('asks by HEAD where the page may not see Content-Range', async () => {
  const bytes = pattern(100);
  const methods: (string | undefined)[] = [];
  const base = await serve((request, response) => {
    methods.push(request.method);
    response.writeHead(request.method === 'HEAD' ? 200 : 206, { 'content-length': 100 }).end(bytes);
  });
  const source = await urlSource(`${base}/x`);
  expect([source?.size, ...methods]).toEqual([100, 'GET', 'HEAD']);
  expect(await source?.read(5, 9)).toEqual(bytes.subarray(5, 9));
});

it('names the CORS headers when the length cannot be learnt', async () => {
  const base = await serve((request, response) => response.writeHead(request.method === 'HEAD' ? 405 : 206).end('x'));
  await expect(urlSource(`${base}/x`)).rejects.toThrow('Access-Control-Expose-Headers');
});

it('is null for what is not there: 404, 410, and the page that single-page servers send for every path', async () => {
  const base = await serve((request, response) => {
    if (request.url === '/page') response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>');
    else response.writeHead(request.url === '/gone' ? 410 : 404).end();
  });
  expect(await urlSource(`${base}/missing`)).toBeNull();
  expect(await urlSource(`${base}/gone`)).toBeNull();
  expect(await urlSource(`${base}/page`)).toBeNull();
});

it('takes 416 for an empty file', async () => {
  expect((await urlSource(`${await serve(ranged(new Uint8Array(0)))}/x`))?.size).toBe(0);
});

it('refuses other answers with their status, and says where authorization goes', async () => {
  const base = await serve((request, response) => response.writeHead(request.url === '/auth' ? 401 : 500).end());
  await expect(urlSource(`${base}/x`)).rejects.toThrow('HTTP 500');
  await expect(urlSource(`${base}/auth`)).rejects.toThrow('pass the authorization in `headers`');
});

it('notices a file that changed on the server', async () => {
  let version = 0;
  const base = await serve((request, response) => {
    version += 1;
    ranged(pattern(100_000), { etag: `"${version}"` })(request, response);
  });
  const source = await urlSource(`${base}/x`);
  await expect(source?.read(0, 90_000)).rejects.toThrow('changed while it was read');
});

it.each([
  ['another range', (): Handler => ranged(pattern(100_000).fill(0)), { 'content-range': 'bytes 5-9/100000' }],
  ['another length', (): Handler => ranged(pattern(100_001)), {}],
  ['the whole file', (): Handler => (_request, response) => response.writeHead(200).end('x'), {}],
])('refuses a server that later answers %s', async (_what, later, headers) => {
  let first = true;
  const base = await serve((request, response) => {
    if (first) ranged(pattern(100_000))(request, response);
    else if (Object.keys(headers).length > 0) response.writeHead(206, headers).end('12345');
    else later()(request, response);
    first = false;
  });
  const source = await urlSource(`${base}/x`);
  await expect(source?.read(70_000, 80_000)).rejects.toThrow(InvalidFileError);
});

it('turns a cancelled request into AbortedError, before and while the body arrives', async () => {
  const controller = new AbortController();
  const base = await serve((_request, response) => {
    response.writeHead(200).write('x');
    controller.abort();
  });
  await expect(urlSource(`${base}/x`, {}, controller.signal)).rejects.toThrow(AbortedError);
  await expect(urlSource(`${base}/x`, {}, AbortSignal.abort())).rejects.toThrow(AbortedError);
});

it('says what cannot be reached when the connection breaks', async () => {
  const base = await serve((_request, response) => {
    response
      .writeHead(206, { 'content-range': 'bytes 0-99/100', 'content-length': 100 })
      .write('x', () => response.destroy());
  });
  const error: unknown = await urlSource(`${base}/x`).catch((cause: unknown) => cause);
  expect(InAttentionError.isInstance(error, 'INVALID_FILE')).toBe(true);
  expect(String(error)).toContain('cannot be reached');
});

it('opens files of a base URL with the given headers and fetch, each name escaped', async () => {
  const asked: [string, string | null][] = [];
  const fake: typeof fetch = async (url, init) => {
    asked.push([String(url), new Headers(init?.headers).get('authorization')]);
    return new Response('x', { status: 206, headers: { 'content-range': 'bytes 0-0/1' } });
  };
  const model = openUrl('https://models.example/tiny?token=1', { headers: { Authorization: 'Bearer t' }, fetch: fake });
  expect((await model.open('sub/a?b#c.json'))?.size).toBe(1);
  await model.open('%2e%2e/x');
  expect(asked).toEqual([
    ['https://models.example/tiny/sub/a%3Fb%23c.json', 'Bearer t'],
    ['https://models.example/tiny/%252e%252e/x', 'Bearer t'],
  ]);
  await expect(model.open('../x')).rejects.toThrow(InvalidFileError);
});

it('refuses what is no URL, or none of HTTP', async () => {
  expect(() => openUrl('models/tiny')).toThrow(InvalidArgumentError);
  await expect(urlSource('file:///etc/passwd')).rejects.toThrow(InvalidArgumentError);
});
