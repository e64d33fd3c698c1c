/**
 * What decides a training run: the flags it began with, kept as run.json in its folder, so that `--resume` needs no other
 * flag and cannot be given ones that would make it another run.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackendName } from '@inattention/bench';
import { InvalidFileError } from '@inattention/core';
import type { PositionEmbeddingType } from '@inattention/core/math';
import type {
  BatchContextKind,
  Checkpointing,
  DocumentMask,
  RopeExtension,
  Schedule,
  TrainedPart,
} from '@inattention/train';

/** Sizes of a new model. */
interface ModelFlags {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly kvHeads?: number;
  readonly intermediateSize?: number;
  /** Default 3; of a model that is there: its own. */
  readonly window?: number;
  /** Kinds of layers as --attention has them, each use of the flag after a space. Default: inattention; of a model: its own. */
  readonly attention?: string;
  readonly positionEmbedding: PositionEmbeddingType;
}

export interface RunSettings extends ModelFlags {
  /** Absolute paths. */
  readonly data: readonly string[];
  readonly separator?: string;
  readonly from?: string;
  readonly tokenizer?: string;
  readonly vocabSize: number;
  readonly contextLength: number;
  /** How rotary positions of `from` reach a longer `contextLength`; default: yarn. */
  readonly ropeScaling?: RopeExtension;
  /** Learns from the model at this place; true: from `from` as it is. */
  readonly distill?: string | true;
  readonly distillTemperature?: number;
  readonly distillWeight?: number;
  /** Layers that are switched one after another. */
  readonly switch?: readonly number[];
  readonly switchEvery?: number;
  readonly train?: TrainedPart;
  readonly documents: DocumentMask;
  readonly positions?: number;
  readonly context?: BatchContextKind | 'auto';
  readonly checkpointing?: Checkpointing;
  /** Bytes that the run may take. */
  readonly memory?: number;
  readonly validation: number;
  readonly steps: number;
  readonly batch: number;
  readonly accumulate: number;
  readonly schedule: Schedule['kind'];
  readonly learningRate: number;
  readonly minLearningRate: number;
  readonly warmup: number;
  readonly decaySteps?: number;
  readonly weightDecay: number;
  readonly clip: number;
  readonly seed: number;
  readonly backend: BackendName | 'auto';
  readonly evaluateEvery: number;
  readonly evaluateBatches: number;
  readonly checkpointEvery: number;
  readonly keep: number;
}

export const runFile = 'run.json';

/** The schedule that flags describe. */
export function scheduleOf(settings: RunSettings): Schedule {
  const { schedule: kind, learningRate: peak, warmup: warmupSteps, steps, minLearningRate: floor } = settings;
  if (kind === 'constant') return { kind, peak, warmupSteps };
  if (kind === 'wsd')
    return { kind, peak, warmupSteps, steps, floor, decaySteps: settings.decaySteps ?? Math.ceil(steps / 5) };
  return { kind, peak, warmupSteps, steps, floor };
}

/** What a run began with. Throws InvalidFileError when there is no run in the folder. */
export async function readRunSettings(folder: string): Promise<RunSettings> {
  try {
    const settings: unknown = JSON.parse(await readFile(join(folder, runFile), 'utf8'));
    if (isRunSettings(settings)) return settings;
  } catch (cause) {
    throw noRun(folder, cause instanceof Error ? cause.message : String(cause), cause);
  }
  throw noRun(folder, `${runFile} without the flags of a run`);
}

/** Enough to tell a run's file from another. */
function isRunSettings(value: unknown): value is RunSettings {
  if (typeof value !== 'object' || value === null) return false;
  const { data, ...flags } = value as Partial<RunSettings>;
  const { schedule, contextLength, steps, batch, learningRate } = flags;
  return (
    Array.isArray(data) &&
    typeof schedule === 'string' &&
    [contextLength, steps, batch, learningRate].every((number) => typeof number === 'number')
  );
}

function noRun(folder: string, got: string, cause?: unknown): InvalidFileError {
  return new InvalidFileError({
    what: `There is no run to resume in ${folder}.`,
    got,
    expected: `a folder with ${runFile}, written by an earlier inattention train`,
    fix: 'name the folder given to --out then, or begin a run without --resume',
    cause,
  });
}
