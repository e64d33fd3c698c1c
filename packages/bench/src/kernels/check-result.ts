/** Whether a contestant computes what it should, before it is timed. */

import { BackendUnavailableError } from '@inattention/core';
import type { Contestant } from './contestant.ts';

/** f32 sums of up to some thousand terms, each rounding to 6e-8 of its size. */
const tolerance = 2e-5;

/**
 * Largest difference between the result of a call and `expected`, over the largest expected number; null for limits.
 * Throws BackendUnavailableError when it is above 2e-5: figures of wrong kernels are worth nothing.
 */
export async function checkResult(
  bench: string,
  contestant: Contestant,
  expected: (contestant: Contestant) => Float64Array,
): Promise<number | null> {
  await contestant.run();
  const got = await contestant.result();
  if (got === null) return null;
  const wanted = expected(contestant);
  const wrong = (got: string, expected: string) =>
    new BackendUnavailableError({
      what: `${contestant.name} computes a wrong result in ${bench}.`,
      got,
      expected,
      fix: 'measure nothing until it is right',
    });
  if (got.length !== wanted.length) throw wrong(`${got.length} numbers`, `${wanted.length}`);
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let worst = 0;
  for (const [place, value] of wanted.entries()) {
    const error = Math.abs((got[place] as number) - value) / largest;
    if (!(error <= tolerance)) throw wrong(`${got[place]} at ${place}`, `${value} ± ${tolerance} · ${largest}`);
    worst = Math.max(worst, error);
  }
  return worst;
}
