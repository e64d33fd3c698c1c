/** Continuations of one context, each of a fork of it with a seed of its own; the context stays as it is. */

import type { WorkerSession } from '@inattention/model/worker';
import type { Continuation, SamplingSettings } from './playground-state.ts';

/** Settings as `generate` takes them: no limit of candidates is no option. */
export function optionsOf({ topK, ...others }: SamplingSettings) {
  return { ...others, ...(topK > 0 && { topK }) };
}

/** Tells of all continuations whenever one of them grows. */
export async function continueWithSeeds(
  session: WorkerSession,
  sampling: SamplingSettings,
  seeds: readonly number[],
  signal: AbortSignal,
  tell: (continuations: readonly Continuation[]) => void,
): Promise<void> {
  const continuations = seeds.map((seed): Continuation => ({ seed, text: '', done: false }));
  tell([...continuations]);
  await Promise.all(
    seeds.map(async (seed, place) => {
      let text = '';
      const fork = await session.fork();
      try {
        for await (const token of fork.generate({ ...optionsOf(sampling), seed, signal })) {
          text += token.text;
          continuations[place] = { seed, text, done: false };
          tell([...continuations]);
        }
        continuations[place] = { seed, text, done: true };
        tell([...continuations]);
      } finally {
        await fork.dispose();
      }
    }),
  );
}
