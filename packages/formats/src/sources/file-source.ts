/** Files of a browser: from a file input, drag and drop, or the origin-private file system. */

import { InvalidArgumentError, InvalidFileError, throwIfAborted } from '@inattention/core';
import { quote } from '../json/describe.ts';
import { type ByteSource, checkRange, checkRelativePath, type ModelSource } from './byte-source.ts';

/** A Blob or File as a byte source; only the ranges asked for are read. */
export function blobSource(blob: Blob, name = 'name' in blob ? String(blob.name) : 'blob'): ByteSource {
  return {
    name,
    size: blob.size,
    async read(start, end, signal) {
      throwIfAborted(signal, `Reading ${name}`);
      checkRange(name, blob.size, start, end);
      try {
        return new Uint8Array(await blob.slice(start, end).arrayBuffer());
      } catch (cause) {
        throw new InvalidFileError({
          what: `${name} cannot be read.`,
          got: cause instanceof Error ? cause.message : String(cause),
          fix: 'the file was changed, moved or locked after it was chosen: choose it again',
          cause,
        });
      }
    },
  };
}

/**
 * The files of a dropped or chosen folder; a file is found by its name within the top folder.
 * Throws InvalidArgumentError when two files have one name.
 */
export function openFileList(files: Iterable<File>): ModelSource {
  const byPath = new Map<string, File>();
  for (const file of files) {
    // Empty unless a whole folder was chosen; Node's File lacks it.
    const inFolder = (file.webkitRelativePath ?? '').split('/').slice(1).join('/');
    const path = inFolder === '' ? file.name : inFolder;
    if (byPath.has(path)) {
      throw new InvalidArgumentError({
        what: 'Two of the chosen files have the same name.',
        got: quote(path),
        fix: 'choose the files of one model',
      });
    }
    byPath.set(path, file);
  }
  return {
    name: 'the chosen files',
    async open(path) {
      checkRelativePath(path);
      const file = byPath.get(path);
      return file === undefined ? null : blobSource(file, path);
    },
    list: async () => [...byPath.keys()],
  };
}
