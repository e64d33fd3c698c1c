/**
 * A run as files: a model's (DESIGN §6) with two more. `optimizer.safetensors` holds both moments of each parameter,
 * `training.json` everything else. What they say is checked when they are read. Where they are is the caller's: folders
 * are in ../node, and a page has its own storage.
 */

import { InvalidFileError } from '@inattention/core';
import { type ModelSource, openModelFiles, openSafetensors } from '@inattention/formats';
import { checkSchedule } from '../optimizer/schedule.ts';
import type { KeptTensor, SavedTraining, TrainingProgress } from '../trainer/saved-training.ts';
import { type FileContent, jsonBytes, modelFiles, safetensors } from './model-files.ts';

const format = 'inattention-training';
const version = 1;
const firstMoment = 'first_moment.';
const secondMoment = 'second_moment.';

/** What training.json takes at most: it is a page of settings. */
const maxProgressBytes = 1_000_000;

/**
 * The files of a checkpoint by name, their bytes read from the run as they are asked for: before its next step.
 * @param files others that belong to the model: tokenizer.json
 */
export function checkpointFiles(
  run: SavedTraining,
  files: ReadonlyMap<string, Uint8Array> = new Map(),
): Map<string, FileContent> {
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
 * A checkpoint from its files, wherever they are (`openFileList`, `filesInMemory`, `openUrl`). Tensors are read when they
 * are asked for. Throws InvalidFileError or InvalidConfigError for what is missing or damaged.
 */
export async function readCheckpoint(source: ModelSource): Promise<SavedTraining> {
  const progress = await readCheckpointProgress(source);
  const { config, weights } = await openModelFiles(source);
  const file = await source.open('optimizer.safetensors');
  if (file === null) throw notWhole(source, 'no optimizer.safetensors');
  const moments = await openSafetensors(file);
  const kept = (tensors: Pick<typeof moments, 'tensors' | 'read'>, prefix: string): Map<string, KeptTensor> =>
    new Map(
      [...tensors.tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, { shape }]) => [name.slice(prefix.length), { shape, read: () => tensors.read(name) }]),
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
export async function readCheckpointProgress(source: ModelSource): Promise<TrainingProgress> {
  const file = await source.open('training.json');
  if (file === null) throw notWhole(source, 'no training.json');
  if (file.size > maxProgressBytes) throw notWhole(source, `training.json of ${file.size} bytes`);
  let read: unknown;
  try {
    read = JSON.parse(new TextDecoder().decode(await file.read(0, file.size)));
  } catch (cause) {
    throw notWhole(source, cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!isTraining(read)) throw notWhole(source, 'training.json with missing or wrong fields');
  const { format: _format, version: _version, ...progress } = read;
  checkSchedule(progress.settings.schedule);
  return progress;
}

function isTraining(value: unknown): value is TrainingProgress & { readonly format: string; readonly version: number } {
  if (!isRecord(value) || value.format !== format || value.version !== version) return false;
  const { step, tokens, loss, validationLoss, settings, cursor, teacher = null } = value;
  return (
    [step, tokens].every((count) => Number.isSafeInteger(count) && (count as number) >= 0) &&
    [loss, validationLoss].every((number) => number === null || Number.isFinite(number)) &&
    (teacher === null || typeof teacher === 'string') &&
    isRecord(settings) &&
    isRecord(settings.schedule) &&
    ['constant', 'linear', 'cosine', 'wsd'].includes(String(settings.schedule.kind)) &&
    (cursor === null || (isRecord(cursor) && Object.values(cursor).every((part) => /number|string/.test(typeof part))))
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notWhole({ name }: ModelSource, got: string, cause?: unknown): InvalidFileError {
  return new InvalidFileError({
    what: `${name} is not a checkpoint that training can go on from.`,
    got,
    expected: 'config.json, model.safetensors, optimizer.safetensors and training.json',
    fix: 'name a folder that training has written, or start a new run from the model with --from',
    cause,
  });
}
