/**
 * A model whose files each have an address of their own, as bundlers give them: `new URL('./file', import.meta.url)` becomes
 * a hashed name, or a data: URL for a small file.
 */

import { InvalidFileError } from '@inattention/core';
import { type ByteSource, checkRelativePath, type ModelSource } from './byte-source.ts';
import type { UrlOptions } from './http.ts';
import { bytesSource } from './memory-source.ts';
import { urlSource } from './url-source.ts';

/**
 * Files by their names in the folder that they would make, each at an http:, https: or data: URL. Throws
 * InvalidFileError for names outside of a folder. In Node, files at file: URLs are opened by `openFiles` of
 * `@inattention/formats/node`.
 */
export function openUrls(files: Readonly<Record<string, string | URL>>, options: UrlOptions = {}): ModelSource {
  const urls = new Map(Object.entries(files));
  for (const name of urls.keys()) checkRelativePath(name);
  return {
    name: `files at ${[...urls.values()].map((url) => describe(String(url))).join(', ')}`,
    async open(path, signal) {
      checkRelativePath(path);
      const url = urls.get(path);
      if (url === undefined) return null;
      const text = String(url);
      return text.startsWith('data:') ? dataSource(text, path) : urlSource(url, options, signal);
    },
    list: async () => [...urls.keys()],
  };
}

/** The bytes of a data: URL (RFC 2397). Decoded here, since pages often forbid `fetch` of them. */
function dataSource(url: string, name: string): ByteSource {
  const comma = url.indexOf(',');
  const isBase64 = /;base64$/i.test(url.slice(0, Math.max(0, comma)).trimEnd());
  try {
    if (comma === -1) throw new SyntaxError('no comma');
    const content = decodeURIComponent(url.slice(comma + 1));
    if (!isBase64) return bytesSource(new TextEncoder().encode(content), name);
    return bytesSource(
      Uint8Array.from(atob(content), (character) => character.charCodeAt(0)),
      name,
    );
  } catch (cause) {
    throw new InvalidFileError({
      what: `The data: URL of ${name} is damaged.`,
      got: describe(url),
      expected: 'data:TYPE;base64,… or data:TYPE,…',
      cause,
    });
  }
}

/** As much of an address as a message needs. */
function describe(url: string): string {
  return url.length > 100 ? `${url.slice(0, 100)}…` : url;
}
