/** Files of a browser: from a file input, drag and drop, or the origin-private file system. */

import { throwIfAborted } from '@inattention/core';
import { type ByteSource, checkRelativePath, type ModelSource } from './byte-source.ts';
import { checkRange } from './memory-source.ts';

export function blobSource(blob: Blob, name = blob instanceof File ? blob.name : 'blob'): ByteSource {
  return {
    name,
    size: blob.size,
    async read(start, end, signal) {
      throwIfAborted(signal, `Reading ${name}`);
      checkRange(name, blob.size, start, end);
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    },
  };
}

/** The files of a dropped or chosen folder; a file is found by its name within the top folder. */
export function openFileList(files: Iterable<File>): ModelSource {
  const byPath = new Map<string, File>();
  for (const file of files) {
    const inFolder = file.webkitRelativePath.split('/').slice(1).join('/');
    byPath.set(inFolder === '' ? file.name : inFolder, file);
  }
  return {
    name: 'files',
    async open(path) {
      checkRelativePath(path);
      const file = byPath.get(path);
      return file === undefined ? null : blobSource(file);
    },
  };
}
