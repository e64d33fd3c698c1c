/**
 * The tasks, each learnt by each kind of model from nothing: the same texts in the same order, the same steps, accuracy on
 * the same texts that training does not see. Windows of the same width have the same parameters whatever the attention is.
 */

import { type Backend, throwIfAborted } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { parseConfig } from '@inattention/formats';
import { createModel, type Model, yieldToEventLoop } from '@inattention/model';
import { Trainer } from '@inattention/train';
import type { TaskRow, TaskSettings, TaskVariant } from '../quality-result.ts';
import type { Task, TaskText } from './task.ts';
import { taskAccuracy } from './task-accuracy.ts';
import { taskBatches, taskTexts } from './task-batches.ts';

/** Seeds of test texts, far from those of batches, which count from the settings' seed. */
const testSeed = 2 ** 30;
/** Accuracy is looked at so many times on the way, on part of the test texts. */
const [looks, textsOfALook] = [10, 32];
/** Accuracy from which a task counts as learnt. */
const learnt = 0.95;

export interface TaskRunOptions {
  readonly backend: Backend;
  readonly settings: TaskSettings;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: number, loss: number) => void;
}

/** The configuration of a kind of model for a task. */
export function taskConfig(task: Task, variant: TaskVariant, settings: TaskSettings): ModelConfig {
  return parseConfig({
    model_type: 'inattention',
    vocab_size: task.vocabSize,
    hidden_size: settings.hiddenSize,
    intermediate_size: settings.intermediateSize,
    num_hidden_layers: settings.layers,
    num_attention_heads: settings.heads,
    max_position_embeddings: task.longest,
    tie_word_embeddings: true,
    position_embedding_type: variant.positions,
    initial_state_window: variant.window,
    attention_types: variant.attention,
  });
}

/** Trains one kind of model on a task and measures it. Throws AbortedError, NonFiniteError. */
export async function runTask(task: Task, variant: TaskVariant, options: TaskRunOptions): Promise<TaskRow> {
  const { backend, settings, signal, onStep } = options;
  const { steps, batch, learningRate: peak, warmup: warmupSteps, weightDecay, deviation, seed, testTexts } = settings;
  using model = createModel(taskConfig(task, variant, settings), backend, { seed, deviation });
  using trainer = new Trainer(model, {
    schedule: { kind: 'cosine', peak, warmupSteps, steps, floor: peak / 10 },
    optimizer: { weightDecay },
  });
  const batches = taskBatches(task, batch, seed);
  const test = taskTexts(task, testSeed, testTexts);
  const last = Math.ceil(steps / 10);
  let [learntAt, seconds, lossOfLast]: [number | null, number, number] = [null, 0, 0];
  for (let step = 1; step <= steps; step += 1) {
    throwIfAborted(signal, 'The task');
    await yieldToEventLoop();
    const texts = await batches.next();
    if (texts === null) break;
    const { loss, seconds: spent } = await trainer.step([texts]);
    seconds += spent;
    if (step > steps - last) lossOfLast += loss / last;
    onStep?.(step, loss);
    if (learntAt === null && step % Math.ceil(steps / looks) === 0 && (await isLearnt(model, test, signal))) {
      learntAt = step;
    }
  }
  const { correct, answers } = await taskAccuracy(model, test, signal);
  const { parameters } = model;
  return { task: task.name, ...variant, parameters, steps, correct, answers, learntAt, loss: lossOfLast, seconds };
}

async function isLearnt(model: Model, test: readonly TaskText[], signal?: AbortSignal): Promise<boolean> {
  const { correct, answers } = await taskAccuracy(model, test.slice(0, textsOfALook), signal);
  return correct >= learnt * answers;
}
