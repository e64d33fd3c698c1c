/**
 * Learning rates as a pure function of the step: plain values describe a schedule, so that a checkpoint can carry it and
 * a run that resumes goes on with the same rates.
 *
 * Steps count from 0. All schedules but the constant one rise linearly over `warmupSteps` first: step s of the warm-up has
 * (s + 1) / warmupSteps of the peak, so that no step is spent at a rate of 0.
 */

import { InvalidArgumentError } from '@inattention/core';

interface Warmed {
  /** The highest rate. */
  readonly peak: number;
  /** Steps of linear rise before it. Default 0. */
  readonly warmupSteps?: number;
}

interface Decaying extends Warmed {
  /** Steps of the run: the last one has the rate `floor`. */
  readonly steps: number;
  /** The rate at the end. Default 0. */
  readonly floor?: number;
}

export type Schedule =
  | ({ readonly kind: 'constant' } & Warmed)
  /** Falls in a straight line from the peak to the floor. */
  | ({ readonly kind: 'linear' } & Decaying)
  /** Falls along half a cosine (Loshchilov & Hutter, arXiv 1608.03983, one cycle). */
  | ({ readonly kind: 'cosine' } & Decaying)
  /** Warm-up, stable, decay (Hu et al., arXiv 2404.06395): at the peak until the last `decaySteps`, then in a line to the floor. */
  | ({ readonly kind: 'wsd'; readonly decaySteps: number } & Decaying);

/** The learning rate of a step ≥ 0; beyond the last step of a schedule, the rate of the last. */
export function learningRateAt(schedule: Schedule, step: number): number {
  const { peak, warmupSteps = 0 } = schedule;
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  if (schedule.kind === 'constant') return peak;
  const { steps, floor = 0 } = schedule;
  const first = schedule.kind === 'wsd' ? Math.max(warmupSteps, steps - schedule.decaySteps) : warmupSteps;
  const span = steps - 1 - first;
  const fallen = step >= steps - 1 ? 1 : step <= first ? 0 : (step - first) / span;
  if (schedule.kind === 'cosine') return floor + ((peak - floor) * (1 + Math.cos(Math.PI * fallen))) / 2;
  return peak + (floor - peak) * fallen;
}

/** Throws InvalidArgumentError for rates that are negative or not finite, and for steps that do not fit each other. */
export function checkSchedule(schedule: Schedule): void {
  const { peak, warmupSteps = 0 } = schedule;
  const rate = (value: number) => Number.isFinite(value) && value >= 0;
  const count = (value: number) => Number.isSafeInteger(value) && value >= 0;
  let fits = rate(peak) && count(warmupSteps);
  if (schedule.kind !== 'constant') {
    const { steps, floor = 0 } = schedule;
    fits &&= rate(floor) && floor <= peak && count(steps) && steps > 0 && warmupSteps <= steps;
    if (schedule.kind === 'wsd') fits &&= count(schedule.decaySteps) && warmupSteps + schedule.decaySteps <= steps;
  }
  if (fits) return;
  throw new InvalidArgumentError({
    what: 'A learning rate schedule does not fit together.',
    got: JSON.stringify(schedule),
    expected: '0 ≤ floor ≤ peak, finite; warm-up and decay within the steps, all whole numbers',
  });
}
