/** Training, off the page's thread and beside the worker that generates: with a backend and a model of its own. */

import { type Backend, InAttentionError, InvalidArgumentError, selectBackend } from '@inattention/core';
import { openFileList } from '@inattention/formats';
import { openLocation } from '@inattention/model/worker';
import { readCheckpoint } from '@inattention/train';
import { candidatesFor } from '../backend-candidates.ts';
import { backendChoice } from '../backend-choice.ts';
import { failureOf } from '../failure.ts';
import { unzip, zipOf } from './archive.ts';
import { openStorage } from './file-storage.ts';
import { fileOf, KeptRun } from './kept-run.ts';
import { parseRunRecord } from './run-record.ts';
import type { TrainingEvent, TrainingRequest } from './training-protocol.ts';
import { type Beginning, runTraining } from './training-run.ts';

/** What a checkpoint has that a model has not. */
const ofTraining = new Set(['training.json', 'optimizer.safetensors', 'run.json']);

const kept = openStorage('training').then((storage) => new KeptRun(storage));
let running: AbortController | null = null;
let stopping = false;
let queue: Promise<unknown> = Promise.resolve();

const post = (event: TrainingEvent): void => self.postMessage(event);

self.addEventListener('message', ({ data }: MessageEvent<TrainingRequest>) => {
  if (data.kind === 'pause') {
    stopping = data.stop;
    running?.abort();
    if (data.stop && running === null) queue = queue.then(() => guarded(endRun));
    return;
  }
  queue = queue.then(() => guarded(() => answer(data)));
});

async function answer(request: Exclude<TrainingRequest, { kind: 'pause' }>): Promise<void> {
  const run = await kept;
  switch (request.kind) {
    case 'look':
      return tellKept();
    case 'start': {
      const { location, modelName, text, choices } = request;
      return work({ source: openLocation(location), modelName, text, choices, resume: null });
    }
    case 'resume': {
      const { files, source, run: before } = await latest();
      const text = await run.text();
      if (text === null) throw nothingKept();
      await run.setStopped(false);
      const { modelName, history } = before;
      fileOf(files, 'training.json');
      const saved = await readCheckpoint(source);
      return work({ source, modelName, text, choices: request.choices, resume: { saved, history } });
    }
    case 'discard':
      await run.discard();
      return tellKept();
    case 'open':
      await openCheckpoint(request.files);
      return tellKept();
    case 'download': {
      const { files, step, run: about } = await latest();
      const text = await run.text();
      const content = await zipOf(text === null ? files : [...files, text]);
      return post({ kind: 'archive', name: `${fileName(about.modelName)}-step-${step}.zip`, content });
    }
    case 'model': {
      const { files, step, run: about } = await latest();
      const ofModel = files.filter(({ name }) => !ofTraining.has(name));
      // Copies: the kept files go when another run begins.
      const copies = await Promise.all(ofModel.map(async (file) => new File([await file.arrayBuffer()], file.name)));
      return post({ kind: 'model', name: `${about.modelName}, trained for ${step} steps`, files: copies });
    }
  }
}

/** Trains; one tab at a time, since tabs share what is kept. */
async function work(beginning: Beginning): Promise<void> {
  await navigator.locks.request('inattention-training', { ifAvailable: true }, async (lock) => {
    if (lock === null) {
      throw new InvalidArgumentError({
        what: 'Another tab of this page is training.',
        fix: 'go on there, or close it and resume here',
      });
    }
    const controller = new AbortController();
    running = controller;
    stopping = false;
    let backend: Backend | null = null;
    try {
      post({ kind: 'busy', what: 'choosing a backend', share: null });
      ({ backend } = await selectBackend(candidatesFor(backendChoice(self.name))));
      await runTraining(beginning, { backend, kept: await kept, signal: controller.signal, post });
    } catch (error) {
      if (!InAttentionError.isInstance(error, 'ABORTED')) throw error;
    } finally {
      running = null;
      backend?.dispose();
      if (stopping) await (await kept).setStopped(true);
      await tellKept();
    }
  });
}

async function endRun(): Promise<void> {
  await (await kept).setStopped(true);
  await tellKept();
}

/** Takes a downloaded checkpoint, once it has been seen to be one. */
async function openCheckpoint(given: readonly File[]): Promise<void> {
  const [first] = given;
  const files = given.length === 1 && first?.name.endsWith('.zip') ? await unzip(first) : given;
  const text = fileOf(files, 'text.txt');
  parseRunRecord(await fileOf(files, 'run.json').text());
  const others = files.filter((file) => file !== text);
  const { progress } = await readCheckpoint(openFileList(others));
  await (await kept).replace(progress.step, text, others);
}

async function latest() {
  const found = await (await kept).latest();
  if (found === null) throw nothingKept();
  return found;
}

async function tellKept(): Promise<void> {
  const run = await kept;
  post({ kind: 'kept', run: (await run.latest())?.run ?? null, persistent: run.persistent });
}

async function guarded(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const failure = failureOf(error);
    if (failure !== null) post({ kind: 'failed', failure });
  }
}

function nothingKept(): InvalidArgumentError {
  return new InvalidArgumentError({ what: 'There is no training run to go on with.', fix: 'start one' });
}

const fileName = (name: string): string => name.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(-60) || 'model';
