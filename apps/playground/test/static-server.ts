/** Serves a folder of built files below a path, as a plain static host does; isolated or not. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface StaticServer {
  readonly url: string;
  /** Paths that were asked for. */
  readonly requests: readonly string[];
  close(): void;
}

export async function serveFolder(folder: string, base: string, isolated: boolean): Promise<StaticServer> {
  const requests: string[] = [];
  const headers = isolated
    ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
    : {};
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    requests.push(pathname);
    const path = pathname.startsWith(base) ? pathname.slice(base.length) : null;
    const file = path === '' ? 'index.html' : path;
    try {
      if (file === null) throw new Error('outside');
      const body = await readFile(join(folder, normalize(decodeURIComponent(file))));
      const type = types[extname(file)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'content-length': body.length, ...headers });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}${base}`, requests, close: () => void server.close() };
}
