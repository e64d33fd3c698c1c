/**
 * Files by path ("folder/name", one level) that a training run is kept in: in the browser's own file system for this page
 * (OPFS), or in memory where a browser gives none. Only workers write: the handles that write everywhere are theirs.
 */

import { InvalidFileError } from '@inattention/core';
import type { FileContent } from '@inattention/train';

export interface FileStorage {
  /** Whether what is written survives a reload. */
  readonly persistent: boolean;
  /** Writes a file and flushes it. Throws InvalidFileError when there is no room. */
  write(path: string, content: FileContent): Promise<number>;
  read(path: string): Promise<File | null>;
  /** Names of the folders. */
  folders(): Promise<string[]>;
  /** Removes a file or a folder with what is in it, where it is there. */
  remove(path: string): Promise<void>;
}

/** The storage for `name`: OPFS where it can be had. */
export async function openStorage(name: string): Promise<FileStorage> {
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(name, { create: true });
    if (typeof FileSystemFileHandle.prototype.createSyncAccessHandle !== 'function') return memoryStorage();
    return new OriginStorage(folder);
  } catch {
    return memoryStorage(); // private windows of some browsers, pages that are not secure
  }
}

class OriginStorage implements FileStorage {
  readonly persistent = true;
  readonly #root: FileSystemDirectoryHandle;

  constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  async write(path: string, content: FileContent): Promise<number> {
    try {
      const [folder, name] = await this.#place(path, true);
      const file = await folder.getFileHandle(name, { create: true });
      const handle = await file.createSyncAccessHandle();
      try {
        handle.truncate(0);
        let at = 0;
        for await (const piece of content) at += writeAll(handle, piece, at);
        handle.flush();
        return at;
      } finally {
        handle.close();
      }
    } catch (cause) {
      if (!(cause instanceof DOMException)) throw cause;
      throw new InvalidFileError({
        what: `The browser’s storage takes no ${path}.`,
        got: cause.message || cause.name,
        fix: 'make room on the disk, or clear what this site keeps',
        cause,
      });
    }
  }

  async read(path: string): Promise<File | null> {
    try {
      const [folder, name] = await this.#place(path, false);
      return await (await folder.getFileHandle(name)).getFile();
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async folders(): Promise<string[]> {
    const names: string[] = [];
    for await (const [name, { kind }] of this.#root.entries()) if (kind === 'directory') names.push(name);
    return names;
  }

  async remove(path: string): Promise<void> {
    try {
      const [folder, name] = await this.#place(path, false);
      await folder.removeEntry(name, { recursive: true });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  async #place(path: string, create: boolean): Promise<[FileSystemDirectoryHandle, string]> {
    const [first = '', second] = path.split('/');
    return second === undefined
      ? [this.#root, first]
      : [await this.#root.getDirectoryHandle(first, { create }), second];
  }
}

/** For browsers that keep nothing: gone with the page. */
export function memoryStorage(): FileStorage {
  const files = new Map<string, File>();
  return {
    persistent: false,
    async write(path, content) {
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      for await (const piece of content) pieces.push(new Uint8Array(piece));
      const file = new File(pieces, path.split('/').at(-1) ?? path);
      files.set(path, file);
      return file.size;
    },
    read: async (path) => files.get(path) ?? null,
    async folders() {
      const nested = [...files.keys()].filter((path) => path.includes('/'));
      return [...new Set(nested.map((path) => path.slice(0, path.indexOf('/'))))];
    },
    async remove(path) {
      for (const known of files.keys()) if (known === path || known.startsWith(`${path}/`)) files.delete(known);
    },
  };
}

function writeAll(handle: FileSystemSyncAccessHandle, piece: Uint8Array, at: number): number {
  let done = 0;
  while (done < piece.length) {
    const written = handle.write(new Uint8Array(piece.subarray(done)), { at: at + done });
    if (written === 0) throw new DOMException('no room', 'QuotaExceededError');
    done += written;
  }
  return done;
}

function isMissing(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotFoundError';
}
