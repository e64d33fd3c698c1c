/** The machine's limits as contestants: measured in turn with the kernels that are judged by them. */

import type { Contestant } from './contestant.ts';
import type { Probe } from './probe.ts';

/** Arithmetic that touches no memory. */
export function ceilingContestant(probe: Probe): Contestant {
  return {
    ...limit('multiply-adds in registers'),
    work: probe.flops,
    unit: 'flop/s',
    note: probe.fused ? 'fused multiply-adds (relaxed SIMD)' : 'separate multiplications and additions',
    run: () => probe.multiplyAdd(),
  };
}

/** Reading of `bytes`. The probe must have been made with as many. */
export function sumContestant(probe: Probe, bytes: number): Contestant {
  return { ...limit('SIMD sum over as many bytes'), work: bytes, unit: 'B/s', run: () => void probe.sum(bytes) };
}

function limit(name: string): Pick<Contestant, 'name' | 'kind' | 'result' | 'dispose'> {
  return { name, kind: 'limit', result: async () => null, dispose: () => undefined };
}
