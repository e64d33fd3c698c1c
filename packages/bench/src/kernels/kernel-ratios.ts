/** Ratios of figures that were measured in turn: ours to the best way of each peer, and to `against`. */

import type { Contestant, KernelBench } from './contestant.ts';
import type { KernelFigure, KernelRatio } from './kernel-result.ts';

/** Ratios of a bench's figures, which are in the order of its contestants. */
export function ratiosOfBench(bench: KernelBench, figures: readonly KernelFigure[]): KernelRatio[] {
  const measured = bench.contestants.map((contestant, place) => ({
    contestant,
    figure: figures[place] as KernelFigure,
  }));
  const ours = measured.filter(({ contestant: { kind, compared } }) => kind === 'ours' && compared !== false);
  const peers = new Map<string, KernelFigure>();
  for (const { contestant, figure } of measured) {
    if (contestant.kind !== 'peer') continue;
    const best = peers.get(familyOf(contestant));
    if (best === undefined || figure.medianMs < best.medianMs) peers.set(familyOf(contestant), figure);
  }
  const base = measured.find(({ contestant }) => contestant.name === bench.against)?.figure;
  return ours.flatMap(({ figure }) =>
    [...peers.values(), ...(base === undefined || base === figure ? [] : [base])].map((other) => ({
      bench: bench.name,
      threads: figure.threads,
      ours: figure.contestant,
      other: other.contestant,
      speed: other.medianMs / figure.medianMs,
      counts: figure.counts && other.counts,
    })),
  );
}

function familyOf({ family, name }: Contestant): string {
  return family ?? name;
}
