import { InvalidArgumentError } from '@inattention/core';
import { describe, expect, it } from 'vitest';
import { checkSchedule, learningRateAt, type Schedule } from './schedule.ts';

const rates = (schedule: Schedule, steps: number) =>
  Array.from({ length: steps }, (_, step) => Number(learningRateAt(schedule, step).toFixed(6)));

describe('learning rates', () => {
  it('stay, after a warm-up', () => {
    expect(rates({ kind: 'constant', peak: 2 }, 3)).toEqual([2, 2, 2]);
    expect(rates({ kind: 'constant', peak: 2, warmupSteps: 4 }, 6)).toEqual([0.5, 1, 1.5, 2, 2, 2]);
  });

  it('fall in a line to the floor at the last step', () => {
    expect(rates({ kind: 'linear', peak: 4, steps: 5 }, 7)).toEqual([4, 3, 2, 1, 0, 0, 0]);
    const warm: Schedule = { kind: 'linear', peak: 4, steps: 7, warmupSteps: 2, floor: 2 };
    expect(rates(warm, 8)).toEqual([2, 4, 4, 3.5, 3, 2.5, 2, 2]);
  });

  it('fall along a cosine', () => {
    const half = Number((1 + 2 * (1 + Math.SQRT1_2)).toFixed(6));
    expect(rates({ kind: 'cosine', peak: 5, steps: 5, floor: 1 }, 6)).toEqual([5, 4.414214, 3, 1.585786, 1, 1]);
    expect(half).toBe(4.414214);
  });

  it('stay at the peak and fall at the end', () => {
    const schedule: Schedule = { kind: 'wsd', peak: 6, steps: 10, warmupSteps: 2, decaySteps: 4 };
    expect(rates(schedule, 11)).toEqual([3, 6, 6, 6, 6, 6, 6, 4, 2, 0, 0]);
  });

  it('are defined for runs of one step and runs that are all warm-up', () => {
    expect(rates({ kind: 'cosine', peak: 3, steps: 1, floor: 1 }, 2)).toEqual([1, 1]);
    expect(rates({ kind: 'linear', peak: 3, steps: 3, warmupSteps: 3 }, 4)).toEqual([1, 2, 3, 0]);
    expect(rates({ kind: 'wsd', peak: 3, steps: 4, decaySteps: 0 }, 5)).toEqual([3, 3, 3, 0, 0]);
  });
});

describe('a schedule', () => {
  it.each<Schedule>([
    { kind: 'constant', peak: 0 },
    { kind: 'linear', peak: 1, steps: 1, warmupSteps: 1 },
    { kind: 'wsd', peak: 1, floor: 1, steps: 4, warmupSteps: 2, decaySteps: 2 },
  ])('is taken: %o', (schedule) => {
    expect(() => checkSchedule(schedule)).not.toThrow();
  });

  it.each<Schedule>([
    { kind: 'constant', peak: -1 },
    { kind: 'constant', peak: Number.NaN },
    { kind: 'constant', peak: 1, warmupSteps: 0.5 },
    { kind: 'linear', peak: 1, floor: 2, steps: 3 },
    { kind: 'cosine', peak: 1, steps: 0 },
    { kind: 'cosine', peak: 1, steps: 5, warmupSteps: 6 },
    { kind: 'wsd', peak: 1, steps: 5, warmupSteps: 3, decaySteps: 3 },
  ])('is refused: %o', (schedule) => {
    expect(() => checkSchedule(schedule)).toThrow(InvalidArgumentError);
  });
});
