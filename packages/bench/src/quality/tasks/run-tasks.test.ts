import { createCpuBackend } from '@inattention/cpu';
import { createModel } from '@inattention/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copying } from './copy-task.ts';
import { runTask, taskConfig } from './run-tasks.ts';
import { taskAccuracy } from './task-accuracy.ts';
import { taskTexts } from './task-batches.ts';
import { taskSettings, tasks, taskVariants } from './task-plan.ts';

const tiny = copying('copy', { symbols: 6, shortest: 3, longest: 5 });
const settings = { ...taskSettings, hiddenSize: 32, intermediateSize: 32, batch: 16, warmup: 10, testTexts: 40 };
const rope = { attention: 'inattention', positions: 'rope', window: 3 } as const;

let backend: Awaited<ReturnType<typeof createCpuBackend>>;
beforeAll(async () => {
  backend = await createCpuBackend({ threads: 1 });
});
afterAll(() => backend.dispose());

describe('a task', () => {
  test('is learnt from its answers alone, from chance to nearly all', async () => {
    const untrained = createModel(taskConfig(tiny, rope, settings), backend, { seed: 1 });
    const before = await taskAccuracy(untrained, taskTexts(tiny, 2 ** 30, 40));
    untrained.dispose();
    expect(before.correct / before.answers).toBeLessThan(0.5);
    const row = await runTask(tiny, rope, { backend, settings: { ...settings, steps: 150 } });
    expect(row.answers).toBe(before.answers);
    expect(row.correct / row.answers).toBeGreaterThan(0.9);
    expect(row).toMatchObject({ task: 'copy', ...rope, steps: 150 });
    expect(row.learntAt).toBeLessThanOrEqual(150);
    expect(row.loss).toBeLessThan(0.5);
  });

  test('is the same row for the same seed', async () => {
    const options = { backend, settings: { ...settings, warmup: 2, steps: 5 } };
    const { seconds: _, ...first } = await runTask(tiny, rope, options);
    const { seconds: __, ...second } = await runTask(tiny, rope, options);
    expect(second).toEqual(first);
  });

  test('has the same parameters in twins, and each position kind is tried', () => {
    const [task] = tasks;
    if (task === undefined) throw new TypeError('there are tasks');
    const parametersOf = (variant: (typeof taskVariants)[number]) => {
      const model = createModel(taskConfig(task, variant, taskSettings), backend);
      const { parameters } = model;
      model.dispose();
      return parameters;
    };
    for (const window of [1, 3]) {
      const self = parametersOf({ attention: 'self', positions: 'rope', window });
      expect(parametersOf({ attention: 'inattention', positions: 'rope', window })).toBe(self);
      expect(parametersOf({ attention: 'inattention', positions: 'alibi', window })).toBe(self);
    }
    const kinds = taskVariants.map(({ attention, positions, window }) => `${attention} ${positions} ${window}`);
    for (const positions of ['rope', 'learned', 'alibi'])
      for (const window of [1, 3]) expect(kinds).toContain(`inattention ${positions} ${window}`);
    expect(kinds).toEqual(expect.arrayContaining(['self rope 1', 'self rope 3']));
  });
});
