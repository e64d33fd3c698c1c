/**
 * Times of the baseline at lengths too long to run here, from those that were run. Every figure made here carries its
 * formula.
 */

import type { ModelConfig } from '@inattention/core/math';
import type { Timing } from '../result.ts';
import { baselinePrefillFlops, prefillFormula } from './baseline-work.ts';

/** A median at a length. */
export interface Point {
  readonly tokens: number;
  readonly median: number;
}

/** The first token at `tokens`, in proportion to the work, from one measured. */
export function extrapolatePrefill(config: ModelConfig, measured: Point, tokens: number): Timing {
  const from = measured.tokens;
  return {
    median: (measured.median * baselinePrefillFlops(config, tokens)) / baselinePrefillFlops(config, from),
    rounds: 0,
    extrapolated: `first token of self: ms(${from}) · flops(N) / flops(${from}), ${prefillFormula}`,
  };
}

/**
 * Decode at `tokens`: what the baseline took at its longest length n, and what InAttention's mode kv took more at
 * `tokens` than at n, since both attend over the same KV cache by the same kernel. Where kv was not run that far, a line
 * through the two longest lengths that were run, of kv or else of the baseline. `self` and `kv` are measured points in
 * order of length. Null when there are too few of them.
 */
export function extrapolateDecode(self: readonly Point[], kv: readonly Point[], tokens: number): Timing | null {
  const last = self.at(-1);
  if (last === undefined) return null;
  const there = kv.find((point) => point.tokens === last.tokens);
  const here = kv.find((point) => point.tokens === tokens);
  if (there !== undefined && here !== undefined) {
    return {
      median: last.median + Math.max(0, here.median - there.median),
      rounds: 0,
      extrapolated: `decode of self: ms(${last.tokens}) + ms_kv(N) − ms_kv(${last.tokens}), the same attention over the same cache`,
    };
  }
  const [name, line] = kv.length >= 2 ? ['ms_kv', kv] : ['ms', self];
  const [first, second] = line.slice(-2);
  if (first === undefined || second === undefined) return null;
  const slope = Math.max(0, (second.median - first.median) / (second.tokens - first.tokens));
  return {
    median: last.median + slope * (tokens - last.tokens),
    rounds: 0,
    extrapolated: `decode of self: ms(${last.tokens}) + s·(N − ${last.tokens}), s = (${name}(${second.tokens}) − ${name}(${first.tokens})) / ${second.tokens - first.tokens}`,
  };
}
