/**
 * A model in training: steps, evaluation, and its state between steps. The loop with data, evaluation and checkpoints is
 * `train`; this is what it turns. The model is changed in place and can be used between steps: its sessions see the new
 * weights.
 */

import { InvalidArgumentError, InvalidFileError, NonFiniteError, throwIfAborted } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { type Model, yieldToEventLoop } from '@inattention/model';
import type { Batch, BatchSource, Cursor } from '../data/batch-source.ts';
import { AdamW } from '../optimizer/adamw.ts';
import { checkSchedule, learningRateAt } from '../optimizer/schedule.ts';
import { readStepReport } from '../optimizer/step-report.ts';
import { checkDistillationSettings, checkTeacher, checkTokenizers } from '../step/distillation.ts';
import { evaluateBatch } from '../step/evaluate.ts';
import { computeGradients } from '../step/gradients.ts';
import { type Parameter, parametersOf, sharedTensors } from '../step/parameters.ts';
import { isTrained, trainedParameters } from '../step/trained-parameters.ts';
import { checkSwitching, firstSteps, switchedAt, switchedCount, switchedTypes } from '../switching/switching.ts';
import { ComputationChooser } from './choose-computation.ts';
import { readState, writeState } from './model-state.ts';
import type { SavedTraining, TrainingProgress, TrainingSettings } from './saved-training.ts';

/** One step, as it went. */
export interface TrainingStep {
  /** Its number, from 1. */
  readonly step: number;
  /** Mean over the positions that count, nats, before the update. */
  readonly loss: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Positions read. */
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly seconds: number;
  /** The layer that this step was the first to have switched; absent in other steps. */
  readonly switched?: number;
}

/** Loss on data that is not trained on. */
export interface Evaluation {
  /** Nats, mean over all positions that count. */
  readonly loss: number;
  readonly lossTerms: number;
}

export class Trainer {
  readonly model: Model;
  readonly settings: TrainingSettings;
  /** What the model learns from besides the text. */
  readonly teacher: Model | null;
  #teacherFingerprint: string | null = null;
  readonly #parameters: readonly Parameter[];
  readonly #optimizer: AdamW;
  readonly #chooser: ComputationChooser;
  #tokens = 0;
  #loss: number | null = null;

  /**
   * `teacher`: with `settings.distillation`. It may share the tensors that are not trained with the model (`deriveModel`).
   * Throws DTypeError for a model not in f32, InvalidArgumentError for settings outside their domain or a teacher that does
   * not fit, OutOfMemoryError.
   */
  constructor(model: Model, settings: TrainingSettings, teacher: Model | null = null) {
    checkSettings(settings);
    checkTeaching(model, settings, teacher);
    const { trained = 'all', switching, optimizer } = settings;
    const { attentionTypes } = model.config;
    if (switching !== undefined) checkSwitching(switching, attentionTypes);
    this.model = model;
    this.settings = settings;
    this.teacher = teacher;
    this.#parameters = parametersOf(model);
    const last = switching === undefined ? attentionTypes : switchedTypes(attentionTypes, switching);
    const { weights, config } = model;
    const changed = trainedParameters({ weights, config: { ...config, attentionTypes: last } }, trained);
    const first = trained === 'switched' && switching !== undefined ? firstSteps(switching) : new Map<number, number>();
    this.#chooser = new ComputationChooser(model, settings, teacher);
    this.#optimizer = new AdamW(
      model.operations,
      changed,
      optimizer,
      (name) => first.get(Number(/^model\.layers\.(\d+)\./.exec(name)?.[1])) ?? 1,
    );
  }

  /** Steps done. */
  get steps(): number {
    return this.#optimizer.steps;
  }

  /** The model's configuration as of the last step: layers that a schedule has switched by then are. */
  get config(): ModelConfig {
    return this.#configAt(this.steps);
  }

  #configAt(step: number): ModelConfig {
    const { config } = this.model;
    const { switching } = this.settings;
    if (switching === undefined) return config;
    const count = switchedCount(switching, step);
    return { ...config, attentionTypes: switchedTypes(config.attentionTypes, switching, count) };
  }

  /**
   * One step over batches, whose gradients are added up. Throws NonFiniteError for a loss or gradient that is not finite,
   * BudgetExceededError for batches that would take more than the memory budget, and what `computeGradients` throws for
   * them; the model is then as before the step.
   */
  async step(batches: readonly Batch[]): Promise<TrainingStep> {
    const began = performance.now();
    const step = this.steps + 1;
    const { clipNorm = 1, schedule, distillation, trained = 'all', switching } = this.settings;
    const { teacher } = this;
    this.#teacherFingerprint ??= (await teacher?.fingerprint()) ?? null;
    const config = this.#configAt(step);
    const computed = computeGradients(this.model, batches, {
      ...(await this.#chooser.optionsFor(batches, config)),
      trained,
      ...(teacher !== null && { distillation: { ...distillation, teacher } }),
    });
    try {
      const report = await readStepReport(this.model.operations, computed.loss, computed.gradients);
      const { loss, gradientNorm, nonFinite } = report;
      if (nonFinite !== null || !Number.isFinite(loss)) throw await this.#notFinite(step, loss, nonFinite);
      const learningRate = learningRateAt(schedule, step - 1);
      const scale = clipNorm !== null && gradientNorm > clipNorm ? clipNorm / gradientNorm : 1;
      this.#optimizer.step(computed.gradients, learningRate, scale);
      this.model.contextModel.invalidate();
      this.#tokens += computed.tokens;
      this.#loss = loss;
      const seconds = (performance.now() - began) / 1000;
      const { tokens } = computed;
      const switched = switching === undefined ? null : switchedAt(switching, step);
      return {
        ...{ step, loss, gradientNorm, learningRate, tokens, tokensPerSecond: tokens / seconds, seconds },
        ...(switched !== null && { switched }),
      };
    } finally {
      computed.dispose();
    }
  }

  /** Mean cross-entropy of the batches of a source, or of its next `batches`. Throws InvalidArgumentError when it has none. */
  async evaluate(
    source: BatchSource,
    { batches = Number.POSITIVE_INFINITY, signal }: { readonly batches?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Evaluation> {
    const { documents = 'separate', context = 'auto' } = this.settings;
    const { attentionTypes } = this.config;
    let sum = 0;
    let lossTerms = 0;
    for (let number = 0; number < batches; number += 1) {
      await yieldToEventLoop();
      throwIfAborted(signal, 'Evaluation');
      const batch = await source.next(signal);
      if (batch === null) break;
      const part = await evaluateBatch(this.model, batch, { documents, context, attentionTypes });
      sum += part.loss * part.lossTerms;
      lossTerms += part.lossTerms;
    }
    if (lossTerms === 0) {
      throw new InvalidArgumentError({
        what: 'There is nothing to evaluate on.',
        got: 'no batch',
        fix: 'give a validation source that holds at least one batch',
      });
    }
    return { loss: sum / lossTerms, lossTerms };
  }

  /** The run as it is now: to be kept before the next step, which changes the tensors it names. */
  saved(cursor: Cursor | null, validationLoss: number | null = null): SavedTraining {
    const { steps: step, settings } = this;
    const progress: TrainingProgress = {
      step,
      tokens: this.#tokens,
      loss: this.#loss,
      validationLoss,
      settings,
      teacher: this.#teacherFingerprint,
      cursor,
    };
    return { progress, config: this.config, ...readState(this.#parameters, this.#optimizer.moments) };
  }

  /**
   * Goes on where a run was kept, of a model whose layers are switched as in the beginning. All of it is read before anything
   * is changed. Throws InvalidFileError when it is of another model or teacher.
   */
  async restore(saved: SavedTraining): Promise<void> {
    const { step, teacher = null } = saved.progress;
    const own = (await this.teacher?.fingerprint()) ?? null;
    const types = this.#configAt(step).attentionTypes.join();
    if (types !== saved.config.attentionTypes.join()) {
      throw new InvalidFileError({
        what: `The run that was kept has other layers switched at step ${step}.`,
        got: saved.config.attentionTypes.join(', '),
        expected: types.replaceAll(',', ', '),
        fix: 'go on with the model and the settings that it began with',
      });
    }
    if (teacher !== null && own !== null && own !== teacher) {
      throw new InvalidFileError({
        what: 'The run that was kept learns from another teacher.',
        got: own,
        expected: teacher,
        fix: 'load the teacher that it began with',
      });
    }
    await writeState(this.#parameters, this.#optimizer.moments, saved);
    this.#optimizer.resumeAt(saved.progress.step);
    this.#tokens = saved.progress.tokens;
    this.#loss = saved.progress.loss;
    this.model.contextModel.invalidate();
  }

  dispose(): void {
    this.#optimizer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The error for a step whose loss or gradients are not finite: it names what went wrong first. */
  async #notFinite(step: number, loss: number, gradient: string | null): Promise<NonFiniteError> {
    const bad = await firstNonFinite(this.#parameters);
    const tensor =
      bad !== null ? `the parameter "${bad}"` : Number.isFinite(loss) ? `the gradient of "${gradient}"` : 'the loss';
    const also =
      bad === null && !Number.isFinite(loss) && gradient !== null ? `, and the gradient of "${gradient}"` : '';
    return new NonFiniteError({
      what: `Training stopped at step ${step}: ${tensor} is not finite${also}.`,
      got: `a loss of ${loss}`,
      expected: 'finite numbers; the model is as it was before this step',
      fix: 'go on from the last checkpoint with a lower learning rate, a longer warm-up or a smaller clipNorm',
    });
  }
}

async function firstNonFinite(parameters: readonly Parameter[]): Promise<string | null> {
  for (const { name, tensor } of parameters) {
    if (!(await tensor.readFloat32()).every(Number.isFinite)) return name;
  }
  return null;
}

/** Throws InvalidArgumentError unless there is a teacher if and only if something is to be learnt from it. */
function checkTeaching(
  model: Model,
  { distillation, trained = 'all', switching }: TrainingSettings,
  teacher: Model | null,
) {
  if ((distillation === undefined) !== (teacher === null)) {
    throw new InvalidArgumentError({
      what: 'Distillation has settings and a teacher.',
      got: teacher === null ? 'settings without a teacher' : 'a teacher without settings',
      fix: 'give both, or neither',
    });
  }
  if (distillation === undefined || teacher === null) return;
  checkDistillationSettings(distillation);
  checkTeacher(model, teacher);
  checkTokenizers(model, teacher);
  const { attentionTypes: types } = model.config;
  const last = { attentionTypes: switching === undefined ? types : switchedTypes(types, switching) };
  const kept = [...sharedTensors(model, teacher)];
  const changed = kept.find((name) => isTrained(name, last, trained));
  if (changed === undefined) return;
  throw new InvalidArgumentError({
    what: 'The teacher would change with the student.',
    got: `one tensor for "${changed}" of both`,
    expected: 'a copy of every tensor that is trained',
    fix: 'make the student with deriveModel, which copies what it is told to',
  });
}

function checkSettings({ schedule, clipNorm = 1, accumulate = 1 }: TrainingSettings): void {
  checkSchedule(schedule);
  if (clipNorm !== null && !(Number.isFinite(clipNorm) && clipNorm > 0)) {
    throw new InvalidArgumentError({
      what: 'clipNorm is a norm to clip to.',
      got: String(clipNorm),
      expected: 'a number above 0, or null for no clipping',
    });
  }
  if (!(Number.isSafeInteger(accumulate) && accumulate > 0)) {
    throw new InvalidArgumentError({
      what: 'accumulate counts batches.',
      got: String(accumulate),
      expected: '1 or more',
    });
  }
}
