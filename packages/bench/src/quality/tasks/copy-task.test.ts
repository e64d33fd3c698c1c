import { expect, test } from 'vitest';
import { copying } from './copy-task.ts';
import { taskBatches, taskTexts } from './task-batches.ts';

const task = copying('copy', { symbols: 10, shortest: 3, longest: 6 });

test('a text is a separator, tokens, a separator, and the same tokens, which are the answers', () => {
  const texts = taskTexts(task, 3, 200);
  for (const { tokens, positions } of texts) {
    const count = positions.length;
    expect(tokens).toHaveLength(2 * count + 2);
    expect([tokens[0], tokens[count + 1]]).toEqual([10, 10]);
    expect(tokens.slice(1, count + 1)).toEqual(tokens.slice(count + 2));
    expect([...tokens.slice(1, count + 1)].every((token) => token >= 0 && token < 10)).toBe(true);
    expect(positions[0]).toBe(count + 1);
  }
  expect(new Set(texts.map(({ positions }) => positions.length))).toEqual(new Set([3, 4, 5, 6]));
});

test('texts are a function of the seed, batches of seed and number, and a cursor goes back to one', async () => {
  expect(taskTexts(task, 3, 5)).toEqual(taskTexts(task, 3, 5));
  expect(taskTexts(task, 3, 5)).not.toEqual(taskTexts(task, 4, 5));
  const batches = taskBatches(task, 4, 7);
  const first = await batches.next();
  const cursor = batches.cursor();
  const second = await batches.next();
  expect(second).not.toEqual(first);
  batches.seek(cursor);
  expect(await batches.next()).toEqual(second);
  expect(() => batches.seek({ ...cursor, task: 'other' })).toThrow(/another task/);
});
