/** Files that were dropped or chosen: a model's, a shared state, or texts for the context. */

import { InvalidFileError } from '@inattention/core';
import type { Playground } from './playground.ts';
import { parseShared } from './share.ts';
import { takeShared } from './start.ts';

/** A model's files by their names. */
const modelFile = /(^config\.json$)|(\.safetensors(\.index\.json)?$)|(^tokenizer(_config)?\.json$)|(\.gguf$)/;
const stateFile = /\.inattention\.json$/;

/** Texts above this many bytes are refused: a tab cannot hold them twice. */
const longestTextBytes = 256 * 2 ** 20;

/** Everything in a drop: files, and the files of folders. */
export async function takeFiles(playground: Playground, transfer: DataTransfer): Promise<void> {
  // Entries are gone once the event is over: they are taken before anything is awaited.
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  try {
    const files = (await Promise.all(entries.map(filesOf))).flat();
    await openFiles(playground, files);
  } catch (error) {
    playground.fail(error);
  }
}

export async function openFiles(playground: Playground, files: readonly File[]): Promise<void> {
  const [state] = files.filter(({ name }) => stateFile.test(name));
  if (state !== undefined) return takeShared(playground, parseShared(await state.text()));
  const parts = files.filter(({ name }) => modelFile.test(name));
  if (parts.length > 0) return playground.openModel(nameOf(parts), { files: parts });
  for (const file of files) {
    if (file.size > longestTextBytes) {
      throw new InvalidFileError({
        what: `${file.name} is too long for a page.`,
        got: `${file.size} bytes`,
        expected: `at most ${longestTextBytes}`,
      });
    }
    await playground.addPart(file.name, decodeText(file.name, await file.arrayBuffer()));
  }
}

function decodeText(name: string, bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InvalidFileError({ what: `${name} is neither a model nor text.`, expected: 'text in UTF-8', cause });
  }
}

function nameOf(files: readonly File[]): string {
  const folder = files[0]?.webkitRelativePath.split('/')[0];
  if (folder !== undefined && folder !== '') return folder;
  return files.find(({ name }) => name.endsWith('.gguf'))?.name ?? 'the chosen files';
}

async function filesOf(entry: FileSystemEntry): Promise<File[]> {
  if (entry instanceof FileSystemFileEntry) {
    return [await new Promise<File>((resolve, reject) => entry.file(resolve, reject))];
  }
  if (!(entry instanceof FileSystemDirectoryEntry)) return [];
  const reader = entry.createReader();
  const files: File[] = [];
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    files.push(...(await Promise.all(entries.map(filesOf))).flat());
  }
}
