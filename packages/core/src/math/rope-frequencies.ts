/**
 * Rotary frequencies, and how they are changed so that a model reads texts longer than those it was trained on. Pair c
 * of a head turns by position · f_c; queries and keys are multiplied by `amplitude` besides (1 unless YaRN).
 *
 *     none     f_c = b_c = theta^(−2c/C)
 *     linear   f_c = b_c / s                                                      (Chen et al., arXiv 2306.15595)
 *     llama3   λ_c = 2π / b_c; above O / low: b_c / s; below O / high: b_c; between: t b_c + (1 − t) b_c / s with
 *              t = (O / λ_c − low) / (high − low)                                  (Llama 3.1's published configuration)
 *     yarn     f_c = r_c b_c / s + (1 − r_c) b_c, where r_c rises from 0 to 1 between the pairs that turn `fast` and
 *              `slow` times in O positions                                        (Peng et al., arXiv 2309.00071)
 *
 * s is the factor, O the length before the extension. Angles from frequencies: rope-angles.ts.
 */

import type { ModelConfig } from './model-config.ts';

export interface LinearRopeScaling {
  readonly kind: 'linear';
  /** s, at least 1. */
  readonly factor: number;
}

export interface Llama3RopeScaling {
  readonly kind: 'llama3';
  /** s, at least 1. */
  readonly factor: number;
  /** Wavelengths above O / lowFrequencyFactor are stretched by s. */
  readonly lowFrequencyFactor: number;
  /** Wavelengths below O / highFrequencyFactor stay. Above lowFrequencyFactor. */
  readonly highFrequencyFactor: number;
  /** O */
  readonly originalLength: number;
}

export interface YarnRopeScaling {
  readonly kind: 'yarn';
  /** s, at least 1. */
  readonly factor: number;
  /** O */
  readonly originalLength: number;
  /** Pairs that turn at least so often in O positions stay. */
  readonly betaFast: number;
  /** Pairs that turn at most so often in O positions are stretched by s. */
  readonly betaSlow: number;
  /** Factor on rotated queries and on rotated keys, so that scores get its square. */
  readonly attentionFactor: number;
  /** Whether the two bounds are rounded to whole pairs. */
  readonly truncate: boolean;
}

export type RopeScaling = LinearRopeScaling | Llama3RopeScaling | YarnRopeScaling;

export interface RopeFrequencies {
  /** f_c in radians per position, [C/2]. */
  readonly frequencies: Float64Array;
  readonly amplitude: number;
}

/** Frequencies of heads of size `headDim` (even) with base `theta`. */
export function ropeFrequencies(headDim: number, theta: number, scaling?: RopeScaling): RopeFrequencies {
  const base = Float64Array.from({ length: headDim / 2 }, (_, pair) => theta ** ((-2 * pair) / headDim));
  switch (scaling?.kind) {
    case undefined:
      return { frequencies: base, amplitude: 1 };
    case 'linear':
      return { frequencies: base.map((frequency) => frequency / scaling.factor), amplitude: 1 };
    case 'llama3':
      return { frequencies: base.map((frequency) => llama3(frequency, scaling)), amplitude: 1 };
    case 'yarn':
      return { frequencies: yarn(base, headDim, theta, scaling), amplitude: scaling.attentionFactor };
  }
}

/** The frequencies of a configuration whose positions are rotary. */
export function ropeFrequenciesOf({
  headDim,
  ropeTheta,
  ropeScaling,
}: Pick<ModelConfig, 'headDim' | 'ropeTheta' | 'ropeScaling'>): RopeFrequencies {
  return ropeFrequencies(headDim, ropeTheta, ropeScaling);
}

/** YaRN's attention factor for a stretch by `factor`: 0.1 · scale · ln(s) + 1 (arXiv 2309.00071, section 3.4). */
export function yarnAttentionFactor(factor: number, scale = 1): number {
  return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
}

/**
 * NTK-aware rescaling (bloc97, 2023; Code Llama and others): the base at which the slowest pair turns 1/s as fast and the
 * fastest as before, theta · s^(C / (C − 2)). With a single pair (C = 2) there is nothing between: theta · s.
 */
export function ntkTheta(theta: number, factor: number, headDim: number): number {
  return theta * factor ** (headDim > 2 ? headDim / (headDim - 2) : 1);
}

function llama3(frequency: number, { factor, originalLength, ...scaling }: Llama3RopeScaling): number {
  const { lowFrequencyFactor: low, highFrequencyFactor: high } = scaling;
  const turns = (originalLength * frequency) / (2 * Math.PI); // O / λ
  if (turns < low) return frequency / factor;
  if (turns > high) return frequency;
  const kept = (turns - low) / (high - low);
  return kept * frequency + ((1 - kept) * frequency) / factor;
}

function yarn(base: Float64Array, headDim: number, theta: number, scaling: YarnRopeScaling): Float64Array {
  const { factor, originalLength, betaFast, betaSlow, truncate } = scaling;
  /** The pair, not whole, that turns `turns` times in O positions. */
  const pairOf = (turns: number) =>
    (headDim * Math.log(originalLength / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [fast, slow] = [pairOf(betaFast), pairOf(betaSlow)];
  const first = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const bound = Math.min(truncate ? Math.ceil(slow) : slow, headDim - 1);
  const last = bound === first ? first + 0.001 : bound; // no division by 0, as published
  return base.map((frequency, pair) => {
    const stretched = Math.min(1, Math.max(0, (pair - first) / (last - first)));
    return (stretched * frequency) / factor + (1 - stretched) * frequency;
  });
}
