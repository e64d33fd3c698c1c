/** The run whose losses are committed (loss-curve.json): 200 steps of a model small enough for any backend. */

import type { Backend } from '@inattention/core';
import { createModel } from '@inattention/model';
import { train } from '../src/trainer/train.ts';
import { madeUpSource } from './made-up-source.ts';
import { smallConfig } from './small-model.ts';

export const curveSteps = 200;

/** The loss of each step. `learningRate` is the run's own unless a test asks what another would do. */
export async function lossCurve(backend: Backend, learningRate = 0.01, steps = curveSteps): Promise<number[]> {
  using model = createModel(smallConfig(), backend, { seed: 11 });
  const losses: number[] = [];
  const run = train({
    model,
    data: madeUpSource({ seed: 3 }),
    steps,
    schedule: { kind: 'cosine', peak: learningRate, warmupSteps: 10, steps: curveSteps, floor: 0.001 },
    optimizer: { weightDecay: 0.1 },
    clipNorm: 1,
  });
  for await (const { loss } of run) losses.push(loss);
  return losses;
}
