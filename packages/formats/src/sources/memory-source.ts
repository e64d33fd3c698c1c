/** Bytes in memory, and folders of them. */

import { throwIfAborted } from '@inattention/core';
import { type ByteSource, checkRange, checkRelativePath, type ModelSource } from './byte-source.ts';

/** Bytes as a file. Reads copy, so what is read does not change with `bytes`. */
export function bytesSource(bytes: Uint8Array | ArrayBuffer, name = 'bytes'): ByteSource {
  const view = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  return {
    name,
    size: view.length,
    async read(start, end, signal) {
      throwIfAborted(signal, `Reading ${name}`);
      checkRange(name, view.length, start, end);
      return new Uint8Array(view.subarray(start, end)); // not slice(), which of a Node Buffer is a view
    },
  };
}

/** A folder of files in memory, by name. */
export function filesInMemory(
  files: ReadonlyMap<string, Uint8Array | ArrayBuffer>,
  name = 'files in memory',
): ModelSource {
  return {
    name,
    async open(path) {
      checkRelativePath(path);
      const bytes = files.get(path);
      return bytes === undefined ? null : bytesSource(bytes, path);
    },
    list: async () => [...files.keys()],
  };
}
