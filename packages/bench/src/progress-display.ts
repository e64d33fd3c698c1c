/** A sweep's progress on standard error: a bar on a terminal, a line per measurement elsewhere. Node only. */

import { SingleBar } from 'cli-progress';
import type { BenchOutput } from './bench-output.ts';
import type { SweepProgress } from './sweep/sweep.ts';

export interface ProgressDisplay {
  readonly update: (progress: SweepProgress) => void;
  readonly stop: () => void;
}

/** Parts of the bar; shares are fractions. */
const barTotal = 1000;

export function progressDisplay(output: BenchOutput): ProgressDisplay {
  const begin = performance.now();
  if (output.interactive) {
    const bar = new SingleBar({
      format: '{bar} {percentage} % of the arithmetic, {duration_formatted} | {done}/{total_cells} | {what}',
      hideCursor: true,
      clearOnComplete: true,
    });
    bar.start(barTotal, 0, { done: 0, total_cells: 0, what: '' });
    return {
      update: ({ done, total, share, what }) =>
        bar.update(Math.floor(share * barTotal), { done, total_cells: total, what }),
      stop: () => bar.stop(),
    };
  }
  let last = '';
  return {
    update({ done, total, what }) {
      const [measurement = ''] = what.split(':');
      if (measurement === last) return;
      last = measurement;
      const seconds = ((performance.now() - begin) / 1000).toFixed(0);
      output.error(`${seconds} s, ${done}/${total} done: ${measurement}\n`);
    },
    stop() {},
  };
}
