/**
 * The loop of a training run: batches from a source, steps, evaluation, checkpoints, as an async iterator that yields
 * each step when all that belongs to it is done. With the same model, data and settings two runs give the same bits on a
 * deterministic backend, and so does one that stopped and was resumed.
 */

import { InvalidArgumentError, throwIfAborted } from '@inattention/core';
import { type Model, yieldToEventLoop } from '@inattention/model';
import type { Batch, BatchSource } from '../data/batch-source.ts';
import type { CheckpointStore, SavedTraining, TrainingSettings } from './saved-training.ts';
import { type Evaluation, Trainer, type TrainingStep } from './trainer.ts';

export interface TrainOptions extends TrainingSettings {
  /** In f32; trained in place. */
  readonly model: Model;
  /** With `distillation`: what is learnt from, on the model's backend, of the same vocabulary. */
  readonly teacher?: Model;
  readonly data: BatchSource;
  /** Steps of the whole run, those before a resume included. */
  readonly steps: number;
  /** Loss on other data, every so many steps and after the last one; each time from where the source stands. */
  readonly evaluation?: {
    readonly source: BatchSource;
    readonly every: number;
    /** Default: all the source has. */
    readonly batches?: number;
  };
  /** Keeps the run every so many steps, after the last one, and when it is cancelled. */
  readonly checkpoints?: { readonly store: CheckpointStore; readonly every: number };
  /**
   * Goes on where this run was kept: model, optimizer and data. To go on exactly, give its settings too, which are in
   * `progress.settings`; others are taken as a change of plan. With `switching`, `model` has its layers as in the beginning.
   */
  readonly resume?: SavedTraining;
  /** Ends the run between two steps, with AbortedError; what was done is kept if there are checkpoints. */
  readonly signal?: AbortSignal;
  /** Told of each step in turn, before it is yielded. */
  readonly observers?: readonly TrainingObserver[];
}

/** A step with all that was done after it. */
export interface TrainingEvent extends TrainingStep {
  /** Present when it was measured after this step. */
  readonly validation?: Evaluation;
  /** Present when the run was kept after this step: what the store calls it. */
  readonly checkpoint?: string;
}

/** Somebody who follows a run: metrics in a file, a progress bar. */
export type TrainingObserver = (event: TrainingEvent) => void | Promise<void>;

/**
 * Trains, a step for each value taken. Ends after `steps`, or when the data does. A consumer that stops taking values ends
 * the run; nothing is kept for it. Throws InvalidArgumentError for counts and settings that do not fit and for data
 * without a batch, NonFiniteError for a loss, gradient or parameter that is not finite (the model is then as before that
 * step, and the last checkpoint is kept), AbortedError; and what the store and the source throw.
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainingEvent, void, undefined> {
  checkCounts(options);
  const { model, data, steps, evaluation, checkpoints, resume, signal, observers = [] } = options;
  using trainer = new Trainer(model, settingsOf(options), options.teacher);
  if (resume !== undefined) await restore(trainer, data, resume);
  let cursor = data.cursor();
  let kept = trainer.steps;
  const save = async (validation?: Evaluation): Promise<string | undefined> => {
    if (checkpoints === undefined || kept === trainer.steps) return undefined;
    const name = await checkpoints.store.save(trainer.saved(cursor, validation?.loss ?? null));
    kept = trainer.steps;
    return name;
  };
  /** Work that may be cancelled: what was done before it is kept then. */
  const cancellable = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      throwIfAborted(signal, `Training, after step ${trainer.steps},`);
      return await work();
    } catch (error) {
      if (signal?.aborted) await save();
      throw error;
    }
  };

  while (trainer.steps < steps) {
    await yieldToEventLoop();
    const batches = await cancellable(() => nextBatches(data, options.accumulate ?? 1, signal));
    if (batches.length === 0) break;
    const step = await trainer.step(batches);
    cursor = data.cursor();
    const due = (every: number) => step.step === steps || step.step % every === 0;
    const validation =
      evaluation !== undefined && due(evaluation.every)
        ? await cancellable(() => validate(trainer, evaluation, signal))
        : undefined;
    const checkpoint = checkpoints !== undefined && due(checkpoints.every) ? await save(validation) : undefined;
    const event: TrainingEvent = {
      ...step,
      ...(validation !== undefined && { validation }),
      ...(checkpoint !== undefined && { checkpoint }),
    };
    for (const observe of observers) await observe(event);
    yield event;
  }
  if (trainer.steps === 0) throw noData();
  await save(); // where the data ended before the steps did
}

/** Evaluates from where the source stands, and leaves it there. */
async function validate(
  trainer: Trainer,
  { source, batches }: NonNullable<TrainOptions['evaluation']>,
  signal: AbortSignal | undefined,
): Promise<Evaluation> {
  const start = source.cursor();
  try {
    return await trainer.evaluate(source, { ...(batches !== undefined && { batches }), ...(signal && { signal }) });
  } finally {
    source.seek(start);
  }
}

async function restore(trainer: Trainer, data: BatchSource, { progress, ...run }: SavedTraining): Promise<void> {
  const before = data.cursor();
  if (progress.cursor !== null) data.seek(progress.cursor);
  try {
    await trainer.restore({ progress, ...run });
  } catch (error) {
    data.seek(before);
    throw error;
  }
}

/** Up to `count` batches; fewer at the end of the data. */
async function nextBatches(data: BatchSource, count: number, signal: AbortSignal | undefined): Promise<Batch[]> {
  const batches: Batch[] = [];
  while (batches.length < count) {
    const batch = await data.next(signal);
    if (batch === null) break;
    batches.push(batch);
  }
  return batches;
}

function settingsOf(options: TrainOptions): TrainingSettings {
  const { schedule, optimizer, clipNorm, documents, accumulate, context, checkpointing, memoryBudget } = options;
  const { distillation, trained, switching } = options;
  return {
    schedule,
    ...(optimizer !== undefined && { optimizer }),
    ...(clipNorm !== undefined && { clipNorm }),
    ...(documents !== undefined && { documents }),
    ...(accumulate !== undefined && { accumulate }),
    ...(context !== undefined && { context }),
    ...(checkpointing !== undefined && { checkpointing }),
    ...(memoryBudget !== undefined && { memoryBudget }),
    ...(distillation !== undefined && { distillation }),
    ...(trained !== undefined && { trained }),
    ...(switching !== undefined && { switching }),
  };
}

function checkCounts({ steps, evaluation, checkpoints }: TrainOptions): void {
  const counts = { steps, 'evaluation.every': evaluation?.every, 'checkpoints.every': checkpoints?.every };
  for (const [name, count] of Object.entries({ ...counts, 'evaluation.batches': evaluation?.batches })) {
    if (count === undefined || (Number.isSafeInteger(count) && count > 0)) continue;
    throw new InvalidArgumentError({ what: `${name} is a count.`, got: String(count), expected: '1 or more' });
  }
}

function noData(): InvalidArgumentError {
  return new InvalidArgumentError({
    what: 'There is nothing to train on.',
    got: 'a source without a batch',
    fix: 'give more text, or a shorter context or smaller batches',
  });
}
