/** Files and folders of Node's file system. Reached through the subpath ./node, so that bundles for browsers lack it. */

import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidFileError, throwIfAborted } from '@inattention/core';
import { type ByteSource, checkRelativePath, type ModelSource } from './byte-source.ts';
import { checkRange } from './memory-source.ts';

/** One file; null when there is none. */
export async function fileSource(path: string): Promise<ByteSource | null> {
  const stats = await stat(path).catch(() => null);
  if (stats === null || !stats.isFile()) return null;
  const { size } = stats;
  return {
    name: path,
    size,
    async read(start, end, signal) {
      throwIfAborted(signal, `Reading ${path}`);
      checkRange(path, size, start, end);
      const handle = await open(path, 'r');
      try {
        const bytes = new Uint8Array(end - start);
        let done = 0;
        while (done < bytes.length) {
          const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
          if (bytesRead === 0) checkRange(path, start + done, start, end); // the file shrank
          done += bytesRead;
        }
        return bytes;
      } finally {
        await handle.close();
      }
    },
  };
}

/** A model's folder. Throws InvalidFileError when there is no such folder. */
export async function openDirectory(path: string): Promise<ModelSource> {
  const stats = await stat(path).catch(() => null);
  if (stats === null || !stats.isDirectory()) {
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
  };
}
