/** The step of this project's trainer. */

import type { Backend } from '@inattention/core';
import { createModel } from '@inattention/model';
import { Trainer } from '@inattention/train';
import type { StepContestant } from './step-contestant.ts';
import { optimizerSettings, type StepTask, windowDeviation } from './training-shape.ts';

/** On a backend of so many threads, which stays the caller's. */
export function ownStep(backend: Backend, threads: number, { config, seed, texts }: StepTask): StepContestant {
  const { learningRate, ...optimizer } = optimizerSettings;
  const model = createModel(config, backend, { seed, windowDeviation });
  const trainer = new Trainer(model, {
    schedule: { kind: 'constant', peak: learningRate },
    optimizer,
    clipNorm: null,
  });
  const batch = { texts: texts.map((tokens) => ({ tokens, documentStarts: new Int32Array() })) };
  return {
    name: 'InAttention',
    kind: 'ours',
    window: config.initialStateWindow,
    threads,
    inProcess: true,
    async step() {
      const begin = performance.now();
      const { loss } = await trainer.step([batch]);
      return { loss, ms: performance.now() - begin };
    },
    dispose() {
      trainer.dispose();
      model.dispose();
    },
  };
}
