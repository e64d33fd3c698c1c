/** A sweep of a tiny model over arithmetic texts, run here: a result for the page to show. */

import { runSweep, type SweepResult, tinyShape } from '@inattention/bench';
import { createCpuBackend } from '@inattention/cpu';

export async function madeResult(): Promise<SweepResult> {
  using backend = await createCpuBackend({ threads: 1 });
  const document = (step: number) => ({
    ...{ title: `every ${step}th`, source: 'arithmetic', licence: 'none', tokenizer: 'numbers' },
    ids: Int32Array.from({ length: 600 }, (_, place) => (place * step) % 500),
  });
  return await runSweep({
    backend,
    shape: tinyShape,
    lengths: [64, 256, 512],
    text: document(7),
    warmUpText: document(11),
    selfUpTo: 256,
    rounds: 1,
    environment: { runtime: '</td><script>alert(1)</script>' },
  });
}
