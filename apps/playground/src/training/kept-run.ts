/**
 * The one training run that the page keeps: its text, and checkpoints of which the newest whole one counts. A checkpoint is
 * a folder whose last file, whole.json, has the sizes of all others: what a closed tab left unfinished lacks it or does not
 * match, and the checkpoint before it is removed only when the new one is whole.
 */

import { InvalidFileError } from '@inattention/core';
import { type ModelSource, openFileList } from '@inattention/formats';
import { checkpointFiles, type FileContent, type SavedTraining } from '@inattention/train';
import type { FileStorage } from './file-storage.ts';
import { parseRunRecord, type RunRecord } from './run-record.ts';
import type { RunDescription } from './training-protocol.ts';

const textFile = 'text.txt';
const stoppedFile = 'stopped';
const runFile = 'run.json';
const wholeFile = 'whole.json';
const folderName = /^step-(\d{8})$/;

/** A checkpoint that is whole. */
export interface KeptCheckpoint {
  readonly step: number;
  readonly run: RunDescription;
  /** All its files. */
  readonly files: readonly File[];
  readonly source: ModelSource;
}

export class KeptRun {
  readonly #storage: FileStorage;

  constructor(storage: FileStorage) {
    this.#storage = storage;
  }

  get persistent(): boolean {
    return this.#storage.persistent;
  }

  /** Begins another run in place of the one that is kept. */
  async begin(text: Blob): Promise<void> {
    await this.discard();
    await this.#storage.write(textFile, streamOf(text));
  }

  /** The text that is trained on; null when there is no run. */
  text(): Promise<File | null> {
    return this.#storage.read(textFile);
  }

  /** Keeps a checkpoint, then removes those before it. */
  async save(saved: SavedTraining, run: RunRecord, companions: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const files = checkpointFiles(saved, companions);
    files.set(runFile, [new TextEncoder().encode(JSON.stringify(run))]);
    await this.#write(saved.progress.step, files);
  }

  /** Keeps a checkpoint that came as files, and its text, in place of the run that was kept. */
  async replace(step: number, text: Blob, files: readonly File[]): Promise<void> {
    await this.begin(text);
    await this.#write(step, new Map(files.map((file) => [file.name, streamOf(file)])));
  }

  /** Says that the user ended the run before its last step, or that it goes on. */
  async setStopped(stopped: boolean): Promise<void> {
    if (stopped) await this.#storage.write(stoppedFile, []);
    else await this.#storage.remove(stoppedFile);
  }

  /** The newest whole checkpoint; null when there is none. */
  async latest(): Promise<KeptCheckpoint | null> {
    const steps = (await this.#steps()).sort((a, b) => b - a);
    for (const step of steps) {
      const files = await this.#filesOf(step);
      const run = files?.find(({ name }) => name === runFile);
      if (files === null || run === undefined) continue;
      const stopped = (await this.#storage.read(stoppedFile)) !== null;
      return { step, run: { ...parseRunRecord(await run.text()), stopped }, files, source: openFileList(files) };
    }
    return null;
  }

  async discard(): Promise<void> {
    await this.#storage.remove(textFile);
    await this.#storage.remove(stoppedFile);
    for (const folder of await this.#storage.folders()) await this.#storage.remove(folder);
  }

  async #write(step: number, files: ReadonlyMap<string, FileContent>): Promise<void> {
    const name = nameOf(step);
    await this.#storage.remove(name);
    const sizes: [string, number][] = [];
    for (const [file, content] of files) sizes.push([file, await this.#storage.write(`${name}/${file}`, content)]);
    const bytes = new TextEncoder().encode(JSON.stringify(Object.fromEntries(sizes)));
    await this.#storage.write(`${name}/${wholeFile}`, [bytes]);
    for (const other of await this.#storage.folders()) if (other !== name) await this.#storage.remove(other);
  }

  async #steps(): Promise<number[]> {
    return (await this.#storage.folders()).flatMap((name) => {
      const [, digits] = folderName.exec(name) ?? [];
      return digits === undefined ? [] : [Number(digits)];
    });
  }

  /** The files of a checkpoint; null unless it is whole. */
  async #filesOf(step: number): Promise<File[] | null> {
    const name = nameOf(step);
    const seal = await this.#storage.read(`${name}/${wholeFile}`);
    const sizes = seal === null ? null : parseSizes(await seal.text());
    if (sizes === null) return null;
    const files: File[] = [];
    for (const [file, size] of sizes) {
      const found = await this.#storage.read(`${name}/${file}`);
      if (found === null || found.size !== size) return null;
      files.push(found);
    }
    return files;
  }
}

/** Throws InvalidFileError when a checkpoint lacks the page's own files. */
export function fileOf(files: readonly File[], name: 'text.txt' | 'run.json' | 'training.json'): File {
  const file = files.find((one) => one.name === name);
  if (file !== undefined) return file;
  throw new InvalidFileError({
    what: 'This is no checkpoint of this page.',
    got: `no ${name}`,
    expected: 'the file that “Download the checkpoint” gives, or its content',
    fix: 'other checkpoints can be opened as a model, and trained on',
  });
}

const nameOf = (step: number): string => `step-${String(step).padStart(8, '0')}`;

function parseSizes(text: string): [string, number][] | null {
  try {
    const sizes = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return sizes.every((entry): entry is [string, number] => typeof entry[1] === 'number') ? sizes : null;
  } catch {
    return null; // torn in the middle
  }
}

/** A file's bytes as a stream that can be iterated everywhere. */
async function* streamOf(blob: Blob): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = blob.stream().getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}
