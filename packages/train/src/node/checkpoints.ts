/**
 * The checkpoints of a run: one folder for each, named by its step, the last few and the best of them. A folder appears
 * when it is whole, and goes in one step too; what a killed run left unfinished is never taken for a checkpoint.
 */

import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidArgumentError } from '@inattention/core';
import { checkpointFiles } from '../checkpoint/checkpoint-files.ts';
import type { CheckpointStore } from '../trainer/saved-training.ts';
import { readProgress } from './checkpoint-folders.ts';
import { flushFolder, unfinishedName, writeWholeFolder } from './whole-files.ts';

export interface CheckpointOptions {
  /** How many of the last to keep. Default 2. The one with the lowest validation loss is kept besides. */
  readonly keep?: number;
  /** Files that belong to the model, copied into every checkpoint: tokenizer.json. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

/** A checkpoint on disk. */
export interface CheckpointFolder {
  readonly step: number;
  readonly path: string;
}

const wholeName = /^step-(\d{8,})$/;
/** What a folder is called while one of the same step is about to replace it. */
const supersededName = /^\.(step-(\d{8,}))\.superseded$/;
const unfinished = /^\.step-\d{8,}\.partial$/;

/** Keeps runs as folders in `folder`, which is made when the first is kept. Throws InvalidArgumentError. */
export function createCheckpointStore(
  folder: string,
  { keep = 2, files = new Map() }: CheckpointOptions = {},
): CheckpointStore {
  if (!(Number.isSafeInteger(keep) && keep > 0)) {
    throw new InvalidArgumentError({ what: 'keep counts checkpoints.', got: String(keep), expected: '1 or more' });
  }
  return {
    async save(run) {
      await mkdir(folder, { recursive: true });
      await clearAway(folder);
      const path = join(folder, `step-${String(run.progress.step).padStart(8, '0')}`);
      await replaceFolder(path, () => writeWholeFolder(path, checkpointFiles(run, files)));
      await prune(folder, keep);
      return path;
    },
  };
}

/** The checkpoints in a folder, oldest first; none where there is no such folder. Changes nothing. */
export async function listCheckpoints(folder: string): Promise<CheckpointFolder[]> {
  const paths = new Map<number, string>();
  for (const name of existsSync(folder) ? await readdir(folder) : []) {
    const [, whole] = wholeName.exec(name) ?? [];
    if (whole !== undefined) paths.set(Number(whole), join(folder, name));
    const [, original, digits] = supersededName.exec(name) ?? [];
    if (original !== undefined && !existsSync(join(folder, original))) paths.set(Number(digits), join(folder, name));
  }
  return [...paths].map(([step, path]) => ({ step, path })).sort((a, b) => a.step - b.step);
}

/** The checkpoint of the most steps; null when there is none. */
export async function latestCheckpoint(folder: string): Promise<CheckpointFolder | null> {
  return (await listCheckpoints(folder)).at(-1) ?? null;
}

/** The checkpoint of the lowest validation loss; null when none was measured. Throws InvalidFileError. */
export async function bestCheckpoint(folder: string): Promise<CheckpointFolder | null> {
  let best: CheckpointFolder | null = null;
  let lowest = Number.POSITIVE_INFINITY;
  for (const checkpoint of await listCheckpoints(folder)) {
    const { validationLoss } = await readProgress(checkpoint.path);
    if (validationLoss === null || validationLoss >= lowest) continue;
    best = checkpoint;
    lowest = validationLoss;
  }
  return best;
}

/** Runs `write` where a folder of the same step may be: that one goes when the new one is there, not before. */
async function replaceFolder(path: string, write: () => Promise<void>): Promise<void> {
  if (!existsSync(path)) return write();
  const superseded = unfinishedName(path).replace(/\.partial$/, '.superseded');
  await rename(path, superseded);
  try {
    await write();
  } catch (error) {
    await rename(superseded, path);
    throw error;
  }
  await rm(superseded, { recursive: true, force: true });
}

/** Clears away what a killed run left: unfinished folders go, superseded ones too unless nothing took their place. */
async function clearAway(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, original] = supersededName.exec(name) ?? [];
    if (original !== undefined && !existsSync(join(folder, original))) {
      await rename(join(folder, name), join(folder, original));
    } else if (original !== undefined || unfinished.test(name)) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}

/** Removes all but the last `keep` and the best. */
async function prune(folder: string, keep: number): Promise<void> {
  const checkpoints = await listCheckpoints(folder);
  const best = await bestCheckpoint(folder);
  for (const { path } of checkpoints.slice(0, -keep)) {
    if (path === best?.path) continue;
    const gone = unfinishedName(path);
    await rename(path, gone);
    await flushFolder(folder);
    await rm(gone, { recursive: true, force: true });
  }
}
