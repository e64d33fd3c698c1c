/**
 * Files and folders that are either whole under their name or not there: written under another name, flushed to the disk,
 * renamed, and the rename flushed too. Whatever fails leaves what was there before.
 */

import { type FileHandle, mkdir, open, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InAttentionError, InvalidFileError } from '@inattention/core';
import type { FileContent } from '../checkpoint/model-files.ts';

/** What an unfinished file or folder is called: hidden, beside its place. */
export function unfinishedName(path: string): string {
  return join(dirname(path), `.${basename(path)}.partial`);
}

/** Writes a file, replacing what is there. Throws InvalidFileError when it cannot be written (a full disk). */
export async function writeWholeFile(path: string, content: FileContent): Promise<void> {
  const unfinished = unfinishedName(path);
  await writing(path, unfinished, [], async () => {
    await writeFlushed(unfinished, content);
    await rename(unfinished, path);
    await flushFolder(dirname(path));
  });
}

/**
 * Writes a folder of files at `path`, where nothing may be. Throws InvalidFileError when it cannot be written, and what
 * the contents throw.
 */
export async function writeWholeFolder(path: string, files: ReadonlyMap<string, FileContent>): Promise<void> {
  const unfinished = unfinishedName(path);
  const made: string[] = [];
  await writing(path, unfinished, made, async () => {
    await rm(unfinished, { recursive: true, force: true }); // of a run that was killed
    await makeFolders(dirname(path), made);
    await mkdir(unfinished);
    for (const [name, content] of files) await writeFlushed(join(unfinished, name), content);
    await flushFolder(unfinished);
    await rename(unfinished, path);
    await flushFolder(dirname(path));
  });
}

/** Makes a change of names last. */
export async function flushFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // folders cannot be opened there
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeFlushed(path: string, content: FileContent): Promise<void> {
  const handle = await open(path, 'w');
  try {
    for await (const piece of content) await writeAll(handle, piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, 2 ** 30));
    done += bytesWritten;
  }
}

/**
 * Makes a folder and what it lies in, as far as they are not there, and adds each to `made`. One by one: Node's recursive
 * mkdir never returns where a file system refuses a name by ENOENT, as /proc does.
 */
async function makeFolders(path: string, made: string[]): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(path); !(await exists(folder)); folder = dirname(folder)) missing.push(folder);
  for (const folder of missing.reverse()) {
    await mkdir(folder);
    made.push(folder);
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (cause: NodeJS.ErrnoException) => (cause.code === 'ENOENT' ? false : Promise.reject(cause)),
  );
}

/** Runs `work`, and clears away what it leaves unfinished, and the folders `made` for it. */
async function writing(
  path: string,
  unfinished: string,
  made: readonly string[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
    for (const folder of made.toReversed()) await rmdir(folder).catch(() => undefined); // unless others use it by now
    if (cause instanceof InAttentionError) throw cause;
    throw new InvalidFileError({
      what: `${path} cannot be written.`,
      got: cause instanceof Error ? cause.message : String(cause),
      fix: 'make room on the disk, or give another folder; what was there before is whole',
      cause,
    });
  }
}
