/**
 * Models in several GGUF files, as llama.cpp's gguf-split writes them: names that end with -00001-of-00003.gguf, metadata in
 * the first, tensors in all. They are read as one file that holds one after another.
 */

import { InvalidFileError, UnsupportedError } from '@inattention/core';
import { quote } from '../json/describe.ts';
import type { TensorEntry } from '../safetensors/header.ts';
import type { ReadOptions } from '../safetensors/reader.ts';
import { type ByteSource, checkRange, type ModelSource } from '../sources/byte-source.ts';
import { damaged } from './damaged.ts';
import { type GgufHeader, readGgufHeader } from './header.ts';
import { MetadataReader } from './metadata-reader.ts';
import { partsNamedLike } from './part-names.ts';

/** A header of all files, and the bytes that its offsets count in. */
export interface GgufFiles extends Pick<GgufHeader, 'metadata' | 'tensors'> {
  readonly source: ByteSource;
}

/**
 * Reads and checks the headers of a model's files, in the order of their names. Throws InvalidFileError, InvalidConfigError,
 * UnsupportedError or AbortedError.
 */
export async function readGgufFiles(parts: readonly ByteSource[], options: ReadOptions): Promise<GgufFiles> {
  const tensors = new Map<string, TensorEntry>();
  const [first] = parts as readonly [ByteSource];
  let metadata: GgufHeader['metadata'] = new Map();
  let start = 0;
  for (const [place, part] of parts.entries()) {
    const header = await readGgufHeader(part, options);
    if (place === 0) metadata = header.metadata;
    checkPlace(new MetadataReader(header.metadata, part.name), place, parts.length);
    for (const [name, entry] of header.tensors) {
      if (tensors.has(name)) throw damaged(part.name, 'a tensor is in two files of a model', quote(name));
      tensors.set(name, { ...entry, byteOffset: start + entry.byteOffset });
    }
    start += part.size;
  }
  const expected = new MetadataReader(metadata, first.name).optionalCount('split.tensors.count');
  if (expected !== undefined && expected !== tensors.size) {
    throw damaged(first.name, 'the files of the model do not hold its tensors', `${tensors.size}`, `${expected}`);
  }
  return { metadata, tensors, source: parts.length === 1 ? first : joined(parts) };
}

/** Throws unless a file is the one that its name says. */
function checkPlace(metadata: MetadataReader, place: number, count: number): void {
  const saidCount = metadata.count('split.count', 1);
  const saidPlace = metadata.count('split.no', 0);
  if (count === 1 && saidCount > 1) {
    throw new UnsupportedError({
      what: `${metadata.file} is one of several files of a model.`,
      got: `part ${saidPlace + 1} of ${saidCount}`,
      expected: 'all of them, under the names that llama-gguf-split gave them',
      fix: 'give the folder that holds them, or the path or URL of one of them',
    });
  }
  if (saidCount !== count || saidPlace !== place) {
    const got = `part ${saidPlace + 1} of ${saidCount}`;
    throw damaged(metadata.file, 'it is not the file that its name says', got, `part ${place + 1} of ${count}`);
  }
}

/** Files as one, each after the one before. */
function joined(parts: readonly ByteSource[]): ByteSource {
  const [{ name }] = parts as readonly [ByteSource];
  const size = parts.reduce((total, part) => total + part.size, 0);
  return {
    name,
    size,
    async read(start, end, signal) {
      checkRange(name, size, start, end);
      const pieces: Uint8Array[] = [];
      let before = 0;
      for (const part of parts) {
        const [from, to] = [Math.max(start - before, 0), Math.min(end - before, part.size)];
        if (from < to) pieces.push(await part.read(from, to, signal));
        before += part.size;
      }
      if (pieces.length === 1) return pieces[0] as Uint8Array;
      const bytes = new Uint8Array(end - start);
      let filled = 0;
      for (const piece of pieces) {
        bytes.set(piece, filled);
        filled += piece.length;
      }
      return bytes;
    },
  };
}

/**
 * The GGUF files of a folder's one model, in order. Throws InvalidFileError when there is none, there are several models, or
 * a file of it is missing.
 */
export async function ggufPartsOf(folder: ModelSource, { signal }: ReadOptions): Promise<readonly ByteSource[]> {
  const files = ((await folder.list?.()) ?? []).filter((name) => /\.gguf$/i.test(name));
  const [first] = files;
  const names = first === undefined ? [] : (partsNamedLike(first) ?? [first]);
  if (first === undefined || files.some((name) => !names.includes(name))) {
    throw new InvalidFileError({
      what: `${folder.name} has no config.json${files.length > 1 ? ' and GGUF files of more than one model' : ''}.`,
      ...(files.length > 1 && { got: files.slice(0, 5).join(', ') }),
      fix: 'give the folder that holds config.json and model.safetensors, or one GGUF file',
    });
  }
  const parts: ByteSource[] = [];
  for (const name of names) {
    const part = await folder.open(name, signal);
    if (part === null) {
      throw new InvalidFileError({
        what: `The file ${quote(name)} of a model in ${names.length} files is missing.`,
        got: `${folder.name} without it`,
        expected: `${names[0]} … ${names.at(-1)}`,
        fix: 'download the missing file',
      });
    }
    parts.push(part);
  }
  return parts;
}
