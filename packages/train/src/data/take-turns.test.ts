import { AbortedError } from '@inattention/core';
import { expect, it } from 'vitest';
import { takeTurns } from './take-turns.ts';

it('lets an event through that cancels the work', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 0);
  const turn = takeTurns('Working', controller.signal);
  const work = async () => {
    for (;;) await turn();
  };
  await expect(work()).rejects.toThrow(AbortedError);
  await expect(work()).rejects.toThrow('Working was cancelled.');
});

it('does not begin what is cancelled already', () => {
  expect(() => takeTurns('Working', AbortSignal.abort())).toThrow(AbortedError);
});
