/** The quality bench: test loss of models, loss against context length, tasks. Tells of its result after every row. */

import { AbortedError, type Backend } from '@inattention/core';
import { inattentionLayers } from '@inattention/core/math';
import type { ModelSource } from '@inattention/formats';
import { loadModel, type Model } from '@inattention/model';
import type { TokenData } from '@inattention/train';
import { chooseTargets, estimate, estimateDifference, lossesAt, type Target } from './context-loss.ts';
import type { OpenText } from './open-text.ts';
import {
  type ContextLossRow,
  type QualityModel,
  type QualityResult,
  qualitySchema,
  type TaskResults,
  type TaskSettings,
  type TaskVariant,
  type TestLossRow,
} from './quality-result.ts';
import { runTask } from './tasks/run-tasks.ts';
import type { Task } from './tasks/task.ts';
import { wholeLoss } from './test-loss.ts';

export interface QualityOptions {
  readonly backend: Backend;
  readonly environment: QualityResult['environment'];
  readonly command?: string;
  /** Models to measure, and the text to measure them on; none: the tasks alone. */
  readonly models: readonly { readonly name: string; readonly source: ModelSource }[];
  readonly text: OpenText | null;
  /** Tokens of context, ascending. */
  readonly lengths: readonly number[];
  readonly targets: number;
  readonly selfUpTo: number;
  readonly seed: number;
  /** null: no tasks. */
  readonly tasks: {
    readonly settings: TaskSettings;
    readonly tasks: readonly Task[];
    readonly variants: readonly TaskVariant[];
  } | null;
  /** An earlier result of the same command that ended early: its rows are not measured again. */
  readonly before?: QualityResult;
  readonly signal?: AbortSignal;
  readonly onProgress?: (what: string) => void;
  readonly onPartial?: (result: QualityResult) => void;
}

/** Throws what opening models throws, and AbortedError, after `onPartial` was told of what was measured. */
export async function runQuality(options: QualityOptions): Promise<QualityResult> {
  const { backend, environment, command, text, before, onPartial } = options;
  let result: QualityResult = {
    schema: qualitySchema,
    created: before?.created ?? new Date().toISOString(),
    ...(command !== undefined && { command }),
    environment,
    backend: backend.name,
    device: backend.info.device,
    text: text?.facts ?? null,
    models: [],
    testLoss: null,
    contextLoss: null,
    tasks: null,
  };
  const update = (changes: Partial<QualityResult>): void => {
    result = { ...result, ...changes };
    onPartial?.({ ...result, interrupted: 'The bench had not ended.' });
  };
  try {
    if (text !== null && options.models.length > 0) await measureModels(options, text, update);
    if (options.tasks !== null) await learnTasks(options, options.tasks, update);
  } catch (error) {
    const why = error instanceof AbortedError ? 'It was cancelled.' : `It failed: ${String(error)}`;
    onPartial?.({ ...result, interrupted: why });
    throw error;
  }
  return result;
}

type Update = (changes: Partial<QualityResult>) => void;

async function measureModels(options: QualityOptions, text: OpenText, update: Update): Promise<void> {
  const { backend, lengths, targets: wanted, seed, selfUpTo, signal, onProgress } = options;
  const run = signal === undefined ? {} : { signal };
  const loaded: { name: string; model: Model; data: TokenData }[] = [];
  try {
    for (const { name, source } of options.models) {
      onProgress?.(`${name}: loading`);
      const model = await loadModel(source, backend, { weightDType: 'f32', ...run });
      loaded.push({ name, model, data: await text.tokensFor(textModel(name, model), signal) });
    }
    const models = loaded.map(({ name, model }) => describeModel(name, model));
    update({ models });
    const windowLength = Math.min(...models.map(({ contextLength }) => contextLength));
    const losses: TestLossRow[] = [];
    for (const { name, model, data } of loaded) {
      const onWindow = (done: number, total: number) => onProgress?.(`${name}: test loss: ${done} of ${total} windows`);
      const { loss, lossTerms } = await wholeLoss(model, data, windowLength, { ...run, onWindow });
      losses.push({ model: name, loss, lossTerms, bitsPerByte: bitsPerByte(loss * lossTerms, text) });
      update({ testLoss: { windowLength, rows: [...losses] } });
    }
    if (lengths.length === 0) return;
    const rows: ContextLossRow[] = [];
    const chosen = await Promise.all(loaded.map(({ data }) => chooseTargets(data, Math.max(...lengths), wanted, seed)));
    const [first = []] = chosen;
    const facts = { lengths, targets: first.length, documents: documentsOf(first), seed, selfUpTo };
    for (const [order, { name, model, data }] of loaded.entries()) {
      const targets = chosen[order] as Target[];
      let previous: Float64Array | null = null;
      for (const tokens of lengths) {
        const reason = refusal(model, tokens, selfUpTo, targets.length);
        if (reason !== null) {
          rows.push({ model: name, tokens, loss: null, standardError: null, change: null, changeError: null, reason });
        } else {
          const onTarget = (done: number) =>
            onProgress?.(`${name}: ${tokens} tokens of context: ${done} of ${targets.length} targets`);
          const measured: Float64Array = await lossesAt(model, data, targets, tokens, { ...run, onTarget });
          rows.push({ model: name, tokens, ...rowOf(measured, previous) });
          previous = measured;
        }
        update({ contextLoss: { ...facts, rows: [...rows] } });
      }
    }
  } finally {
    for (const { model } of loaded) model.dispose();
  }
}

function rowOf(losses: Float64Array, previous: Float64Array | null) {
  const { mean: loss, standardError } = estimate(losses);
  const change = previous === null ? null : estimateDifference(previous, losses);
  return { loss, standardError, change: change?.mean ?? null, changeError: change?.standardError ?? null };
}

/** Why a length is not measured; null when it is. */
function refusal(model: Model, tokens: number, selfUpTo: number, targets: number): string | null {
  const { positionEmbeddingType, maxPositionEmbeddings, numHiddenLayers } = model.config;
  if (targets < 2) return 'no document of the text is long enough';
  if (positionEmbeddingType === 'learned' && tokens > maxPositionEmbeddings) {
    return `the model has ${maxPositionEmbeddings} learned positions`;
  }
  const isPure = inattentionLayers(model.config).length === numHiddenLayers;
  return isPure || tokens <= selfUpTo ? null : 'each target would cost a prefill; --self-up-to allows it';
}

/** What the result says of a task. */
export function taskFacts({ name, description, chance }: Task): TaskResults['tasks'][number] {
  return { name, description, chance };
}

async function learnTasks(
  { backend, before, signal, onProgress }: QualityOptions,
  { settings, tasks, variants }: NonNullable<QualityOptions['tasks']>,
  update: Update,
): Promise<void> {
  const facts = tasks.map(taskFacts);
  const kept = before?.tasks?.rows ?? [];
  const rows = [];
  for (const task of tasks) {
    for (const variant of variants) {
      const what = `${task.name}: ${variant.attention}, ${variant.positions}, w = ${variant.window}`;
      const earlier = kept.find(
        ({ task: name, attention, positions, window }) =>
          name === task.name &&
          attention === variant.attention &&
          positions === variant.positions &&
          window === variant.window,
      );
      const onStep = (step: number, loss: number) =>
        onProgress?.(`${what}: step ${step} of ${settings.steps}, loss ${loss.toFixed(3)}`);
      rows.push(earlier ?? (await runTask(task, variant, { backend, settings, onStep, ...(signal && { signal }) })));
      update({ tasks: { settings, tasks: facts, rows: [...rows] } });
    }
  }
}

function textModel(name: string, { tokenizer, config }: Model) {
  return { name, tokenizer, vocabSize: config.vocabSize };
}

function describeModel(name: string, { config, parameters }: Model): QualityModel {
  const kinds = [...new Set(config.attentionTypes)];
  return {
    name,
    parameters,
    attention: kinds.length === 1 ? (kinds[0] as QualityModel['attention']) : 'hybrid',
    window: config.initialStateWindow,
    positions: config.positionEmbeddingType,
    contextLength: config.maxPositionEmbeddings,
  };
}

function bitsPerByte(nats: number, { facts: { bytes } }: OpenText): number | null {
  return bytes === null ? null : nats / Math.LN2 / bytes;
}

function documentsOf(targets: readonly Target[]): number {
  return new Set(targets.map(({ documentStart }) => documentStart)).size;
}
