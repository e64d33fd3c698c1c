/** Runs what the page asked for; results as they come. */

import {
  type AnyResult,
  configOf,
  decodedTokens,
  runAgreement,
  runQuality,
  runSweep,
  type Shape,
  sweepDefaults,
  sweepShapes,
  tokenise,
} from '@inattention/bench';
import { type Backend, InvalidArgumentError } from '@inattention/core';
import { createModel, loadModel, type Model } from '@inattention/model';
import { openLocation } from '@inattention/model/worker';
import type { AgreementJob, Job, JobProgress, ModelChoice, QualityJob, SweepJob } from '../jobs.ts';
import { readAddresses, readNovel } from '../texts/read-texts.ts';
import { browserEnvironment, openBackend } from './backends.ts';
import { idsOf, openText, readText } from './read-text.ts';
import { runKernelJob } from './run-kernel-job.ts';

export interface JobCalls {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: JobProgress) => void;
  readonly onPartial: (result: AnyResult) => void;
}

/** Characters that hold a token at most, so that texts are cut before they are tokenised. */
const charactersPerToken = 16;

const seed = 1;

/** Throws what the benches throw, AbortedError among it. */
export function runJob(job: Job, calls: JobCalls): Promise<AnyResult> {
  switch (job.kind) {
    case 'sweep':
      return sweep(job, calls);
    case 'quality':
      return quality(job, calls);
    case 'kernels':
      return runKernelJob(job, calls);
    case 'agreement':
      return agreement(job, calls);
  }
}

async function sweep(job: SweepJob, { signal, onProgress, onPartial }: JobCalls): Promise<AnyResult> {
  const shape = shapeOf(job.shape);
  onProgress({ what: 'reading and tokenising the texts', share: null });
  const [novel, addresses] = await Promise.all([readNovel(), readAddresses()]);
  const text = await tokenise(novel, Math.max(...job.lengths) + decodedTokens, shape.vocabSize);
  const warmUpText = await tokenise(addresses, job.warmUpTokens, shape.vocabSize);
  const { backend } = await openBackend(job.backend, signal);
  try {
    const { lengths, variants, dtype, weightDType, window, positions, selfUpTo, rounds } = job;
    return await runSweep({
      ...{
        backend,
        shape,
        lengths,
        variants,
        dtype,
        weightDType,
        window,
        positions,
        selfUpTo,
        rounds,
        text,
        warmUpText,
      },
      roundTime: sweepDefaults(shape).roundTime,
      environment: browserEnvironment(backend),
      ...{ signal, onProgress, onPartial },
    });
  } finally {
    backend.dispose();
  }
}

async function quality(job: QualityJob, { signal, onProgress, onPartial }: JobCalls): Promise<AnyResult> {
  const text = await readText(job.text, job.characters);
  const { backend } = await openBackend(job.backend, signal);
  try {
    return await runQuality({
      backend,
      environment: browserEnvironment(backend),
      models: job.models.map(({ name, location }) => ({ name, source: openLocation(location) })),
      text: openText(text),
      lengths: job.lengths,
      targets: job.targets,
      selfUpTo: Math.max(...job.lengths),
      ...{ seed, tasks: null, signal, onPartial },
      onProgress: (what) => onProgress({ what, share: null }),
    });
  } finally {
    backend.dispose();
  }
}

async function agreement(job: AgreementJob, { signal, onProgress, onPartial }: JobCalls): Promise<AnyResult> {
  const backends: Backend[] = [];
  const models: Model[] = [];
  try {
    for (const name of job.backends) {
      onProgress({ what: `opening the model on ${name}`, share: null });
      const { backend } = await openBackend(name, signal);
      backends.push(backend);
      models.push(await openModel(job.model, backend, signal));
    }
    const [first] = models;
    if (first === undefined) throw new InvalidArgumentError({ what: 'No backend was chosen.', fix: 'choose one' });
    const text = await readText(job.text, charactersPerToken * job.tokens);
    const ids = await idsOf(text, { tokenizer: first.tokenizer, vocabSize: first.config.vocabSize }, job.tokens);
    const name = job.model.kind === 'random' ? `random, ${job.model.shape}` : job.model.name;
    return await runAgreement({
      ...{ name, models, modes: job.modes, signal, onPartial },
      text: { name: text.name, ids },
      environment: browserEnvironment(),
      onProgress: (done, total) => onProgress({ what: `token ${done} of ${total}`, share: done / total }),
    });
  } finally {
    for (const model of models) model.dispose();
    for (const backend of backends) backend.dispose();
  }
}

/** A random model has weights of a size at which its choices differ, and a window that does something. */
async function openModel(choice: ModelChoice, backend: Backend, signal: AbortSignal): Promise<Model> {
  if (choice.kind === 'trained') return loadModel(openLocation(choice.location), backend, { signal });
  const config = configOf(shapeOf(choice.shape), 'inattention', 3);
  return createModel(config, backend, { seed, deviation: 0.1, windowDeviation: 0.1 });
}

function shapeOf(name: string): Shape {
  const shape = sweepShapes.find((known) => known.name === name);
  if (shape !== undefined) return shape;
  throw new InvalidArgumentError({ what: 'There is no such shape.', got: name, fix: 'choose one of the list' });
}
