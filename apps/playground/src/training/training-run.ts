/**
 * One training run in the worker, from a model's files and a text to the last step: what it shows goes to the page, what
 * it has done is kept. It ends early when its signal is aborted, and goes on from there as if it had not.
 */

import { type Backend, InvalidArgumentError } from '@inattention/core';
import { blobSource, type ModelSource, openModelFiles } from '@inattention/formats';
import { generate, loadModel, type Model } from '@inattention/model';
import {
  type BatchSource,
  exampleBatches,
  packedExamples,
  type SavedTraining,
  type TokenData,
  Trainer,
  textDocuments,
  tokenizeInMemory,
  tokenRange,
  train,
} from '@inattention/train';
import type { KeptRun } from './kept-run.ts';
import type { TrainingChoices } from './training-choices.ts';
import type { Sample, TrainingEvent, TrainingHistory } from './training-protocol.ts';

/** Steps between two checkpoints, and between two measurements on the text that was set apart. */
const keepEvery = 10;
const validateEvery = 10;

/** Batches of a measurement, at most. */
const validationBatches = 4;

const sampleTokens = 40;
const promptCharacters = 60;

export interface Beginning {
  readonly source: ModelSource;
  readonly modelName: string;
  readonly text: Blob;
  readonly choices: TrainingChoices;
  /** The run to go on with, and what it has shown; null for a new one. */
  readonly resume: { readonly saved: SavedTraining; readonly history: TrainingHistory } | null;
}

export interface TrainingHost {
  readonly backend: Backend;
  readonly kept: KeptRun;
  readonly signal: AbortSignal;
  post(event: TrainingEvent): void;
}

/** Throws AbortedError when the signal ended it, and what `loadModel` and `train` throw. */
export async function runTraining(beginning: Beginning, host: TrainingHost): Promise<void> {
  const { source, modelName, text, choices, resume } = beginning;
  const { backend, kept, signal, post } = host;
  const busy = (what: string) => (done: number, total: number) =>
    post({ kind: 'busy', what, share: total > 0 ? done / total : null });
  const opening = busy('opening the model');
  opening(0, 0);
  const companions = await (await openModelFiles(source, { signal })).companions({ signal });
  using model = await loadModel(source, backend, {
    weightDType: 'f32',
    signal,
    onProgress: ({ done, total }) => opening(done, total),
  });
  const tokens = await tokensOf(text, model, busy('tokenizing the text'), signal);
  const { batches, validation, heldOut } = await dataOf(tokens, choices);
  const settings = { schedule: scheduleOf(choices) };
  const samples = new Samples(model, await promptOf(text), choices);
  const history = openHistory(resume?.history);
  const store = {
    async save(saved: SavedTraining): Promise<string> {
      const { step, loss, validationLoss } = saved.progress;
      // A checkpoint is written before its step is told of.
      if (step > history.losses.length && loss !== null) history.losses.push(loss);
      if (validationLoss !== null && history.validation.at(-1)?.step !== step)
        history.validation.push({ step, loss: validationLoss });
      await sampleWhenDue(step);
      await kept.save(saved, { version: 1, modelName, choices, history }, companions);
      return String(step);
    },
  };
  const sampleWhenDue = async (step: number): Promise<void> => {
    const sample = step > 0 && history.samples.at(-1)?.step !== step ? await samples.at(step) : null;
    if (sample === null) return;
    history.samples.push(sample);
    post({ kind: 'sample', sample });
  };
  if (resume === null) {
    await kept.begin(text);
    using trainer = new Trainer(model, settings);
    await store.save(trainer.saved(batches.cursor()));
  }
  post({ kind: 'running', device: backend.info.device, tokens: tokens.tokenCount, heldOut });
  const run = train({
    model,
    data: batches,
    steps: choices.steps,
    ...settings,
    checkpoints: { store, every: keepEvery },
    signal,
    ...(validation !== null && {
      evaluation: { source: validation, every: validateEvery, batches: validationBatches },
    }),
    ...(resume !== null && { resume: resume.saved }),
  });
  for await (const event of run) {
    const { step, loss, learningRate, tokensPerSecond } = event;
    if (step > history.losses.length) history.losses.push(loss);
    post({ kind: 'step', loss, learningRate, tokensPerSecond, validation: event.validation?.loss ?? null });
    if (event.validation !== undefined && history.validation.at(-1)?.step !== step)
      history.validation.push({ step, loss: event.validation.loss });
    await sampleWhenDue(step);
  }
}

/** Rises over the first tenth (20 steps at most), then falls to a tenth along a cosine. */
function scheduleOf({ steps, learningRate }: TrainingChoices) {
  const warmupSteps = Math.min(20, Math.floor(steps / 10));
  return { kind: 'cosine', peak: learningRate, steps, warmupSteps, floor: learningRate / 10 } as const;
}

async function tokensOf(
  text: Blob,
  { tokenizer }: Model,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<TokenData> {
  if (tokenizer === null) {
    throw new InvalidArgumentError({
      what: 'This model has no tokenizer, so it cannot be trained on text here.',
      fix: 'open a model whose folder has a tokenizer.json',
    });
  }
  const source = textDocuments(blobSource(text, 'the text'));
  return tokenizeInMemory([source], {
    tokenizer,
    signal,
    name: 'the text',
    onProgress: ({ done, total }) => onProgress(done, total),
  });
}

interface Data {
  readonly batches: BatchSource;
  readonly validation: BatchSource | null;
  /** Tokens at the end of the text that are not trained on. */
  readonly heldOut: number;
}

/** Batches of the text; of a long one the last tenth is set apart. Throws InvalidArgumentError for a text too short. */
async function dataOf(tokens: TokenData, { contextLength, batchSize, seed }: TrainingChoices): Promise<Data> {
  const { tokenCount } = tokens;
  if (tokenCount <= contextLength) {
    throw new InvalidArgumentError({
      what: 'The text is too short to train on.',
      got: `${tokenCount} tokens`,
      expected: `more than a context of ${contextLength}`,
      fix: 'paste more text, or choose a shorter context',
    });
  }
  const tenth = Math.floor(tokenCount / 10);
  const heldOut = tenth > contextLength ? tenth : 0;
  const texts = async (start: number, end: number) =>
    packedExamples(await tokenRange(tokens, start, end), { length: contextLength });
  return {
    batches: exampleBatches(await texts(0, tokenCount - heldOut), { batchSize, seed }),
    validation:
      heldOut === 0
        ? null
        : exampleBatches(await texts(tokenCount - heldOut, tokenCount), { batchSize, order: 'sequential', epochs: 1 }),
    heldOut,
  };
}

/** Continuations of the text's beginning by the model as it is now. */
class Samples {
  readonly #model: Model;
  readonly #prompt: string;
  readonly #choices: TrainingChoices;

  constructor(model: Model, prompt: string, choices: TrainingChoices) {
    this.#model = model;
    this.#prompt = prompt;
    this.#choices = choices;
  }

  /** null when none is due at this step. */
  async at(step: number): Promise<Sample | null> {
    const { sampleEvery, steps, seed } = this.#choices;
    if (step % sampleEvery !== 0 && step !== steps) return null;
    using session = this.#model.createSession();
    await session.append(this.#prompt);
    let text = '';
    for await (const token of generate(session, { maxTokens: sampleTokens, temperature: 0.8, topP: 0.95, seed })) {
      text += token.text;
    }
    return { step, prompt: this.#prompt, text };
  }
}

/** The text's first words. */
async function promptOf(text: Blob): Promise<string> {
  const beginning = (await text.slice(0, 4 * promptCharacters).text()).slice(0, promptCharacters);
  const words = beginning.replace(/\s+\S*$/u, '');
  return words.trim() === '' ? beginning : words;
}

interface OpenHistory extends TrainingHistory {
  readonly losses: number[];
  readonly validation: { readonly step: number; readonly loss: number }[];
  readonly samples: Sample[];
}

function openHistory(before: TrainingHistory | undefined): OpenHistory {
  return {
    losses: [...(before?.losses ?? [])],
    validation: [...(before?.validation ?? [])],
    samples: [...(before?.samples ?? [])],
  };
}
