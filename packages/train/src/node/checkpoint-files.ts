/**
 * A run as a folder: a model's folder (DESIGN §6) with two files more. `optimizer.safetensors` holds both moments of each
 * parameter, `training.json` everything else. What they say is checked when they are read.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidFileError } from '@inattention/core';
import { type ModelFiles, openModelFiles, openSafetensors } from '@inattention/formats';
import { fileSource, openDirectory } from '@inattention/formats/node';
import { checkSchedule } from '../optimizer/schedule.ts';
import type { KeptTensor, SavedTraining, TrainingProgress } from '../trainer/saved-training.ts';
import { jsonBytes, modelFiles, safetensors } from './model-folder.ts';
import type { FileContent } from './whole-files.ts';

const format = 'inattention-training';
const version = 1;
const firstMoment = 'first_moment.';
const secondMoment = 'second_moment.';

/** The files of a checkpoint. */
export function checkpointFiles(run: SavedTraining, files: ReadonlyMap<string, Uint8Array>): Map<string, FileContent> {
  const moments = new Map<string, KeptTensor>();
  for (const [name, tensor] of run.firstMoments) moments.set(firstMoment + name, tensor);
  for (const [name, tensor] of run.secondMoments) moments.set(secondMoment + name, tensor);
  return new Map<string, FileContent>([
    ['training.json', [jsonBytes({ format, version, ...run.progress })]],
    ...modelFiles(run.config, run.weights, 'F32', files),
    ['optimizer.safetensors', safetensors(moments)],
  ]);
}

/**
 * Opens a checkpoint's folder. Tensors are read when they are asked for. Throws InvalidFileError or InvalidConfigError for
 * what is missing or damaged.
 */
export async function openCheckpoint(folder: string): Promise<SavedTraining> {
  const progress = await readProgress(folder);
  const { config, weights }: ModelFiles = await openModelFiles(await openDirectory(folder));
  const source = await fileSource(join(folder, 'optimizer.safetensors'));
  if (source === null) throw notWhole(folder, 'no optimizer.safetensors');
  const moments = await openSafetensors(source);
  const kept = (file: Pick<typeof moments, 'tensors' | 'read'>, prefix: string): Map<string, KeptTensor> =>
    new Map(
      [...file.tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, { shape }]) => [name.slice(prefix.length), { shape, read: () => file.read(name) }]),
    );
  return {
    progress,
    config,
    weights: kept(weights, ''),
    firstMoments: kept(moments, firstMoment),
    secondMoments: kept(moments, secondMoment),
  };
}

/** How far a checkpoint's run had come. Throws InvalidFileError. */
export async function readProgress(folder: string): Promise<TrainingProgress> {
  let read: unknown;
  try {
    read = JSON.parse(await readFile(join(folder, 'training.json'), 'utf8'));
  } catch (cause) {
    throw notWhole(folder, cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!isTraining(read)) throw notWhole(folder, 'training.json with missing or wrong fields');
  const { format: _format, version: _version, ...progress } = read;
  checkSchedule(progress.settings.schedule);
  return progress;
}

function isTraining(value: unknown): value is TrainingProgress & { readonly format: string; readonly version: number } {
  if (!isRecord(value) || value.format !== format || value.version !== version) return false;
  const { step, tokens, loss, validationLoss, settings, cursor } = value;
  return (
    [step, tokens].every((count) => Number.isSafeInteger(count) && (count as number) >= 0) &&
    [loss, validationLoss].every((number) => number === null || Number.isFinite(number)) &&
    isRecord(settings) &&
    isRecord(settings.schedule) &&
    ['constant', 'linear', 'cosine', 'wsd'].includes(String(settings.schedule.kind)) &&
    (cursor === null || (isRecord(cursor) && Object.values(cursor).every((part) => /number|string/.test(typeof part))))
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notWhole(folder: string, got: string, cause?: unknown): InvalidFileError {
  return new InvalidFileError({
    what: `${folder} is not a checkpoint that training can go on from.`,
    got,
    expected: 'config.json, model.safetensors, optimizer.safetensors and training.json',
    fix: 'name a folder that training has written, or start a new run from the model with --from',
    cause,
  });
}
