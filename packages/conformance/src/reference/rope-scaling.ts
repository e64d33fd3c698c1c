/**
 * How pair c of a head turns, per position, in radians, and what rotation multiplies by besides; written down once more
 * from the papers, apart from what the backends use.
 *
 *     plain   b_c = θ^(−2c/C)
 *     linear  b_c / s                                             (position interpolation, arXiv 2306.15595)
 *     llama3  by wavelength λ = 2π/b_c: b_c/s when λ > O/low, b_c when λ < O/high, else their mean by (O/λ − low)/(high − low)
 *     yarn    by turns n in O positions, through the pair index c(n) = C ln(O/(2πn)) / (2 ln θ)   (arXiv 2309.00071)
 */

import type { ModelConfig, YarnRopeScaling } from '@inattention/core/math';

export interface Turning {
  /** [C/2] */
  readonly frequencies: readonly number[];
  /** Rotated queries and keys are so many times as long. */
  readonly amplitude: number;
}

/** The turning of a configuration with rotary positions. */
export function turningOf({ headDim, ropeTheta, ropeScaling }: ModelConfig): Turning {
  const pairs = Array.from({ length: headDim / 2 }, (_, c) => c);
  const plain = (c: number) => 1 / ropeTheta ** ((2 * c) / headDim);
  if (ropeScaling === undefined) return { frequencies: pairs.map(plain), amplitude: 1 };
  const { factor } = ropeScaling;
  if (ropeScaling.kind === 'linear') return { frequencies: pairs.map((c) => plain(c) / factor), amplitude: 1 };
  if (ropeScaling.kind === 'llama3') {
    const { originalLength, lowFrequencyFactor: low, highFrequencyFactor: high } = ropeScaling;
    const frequencies = pairs.map((c) => {
      const wavelength = (2 * Math.PI) / plain(c);
      if (wavelength > originalLength / low) return plain(c) / factor;
      if (wavelength < originalLength / high) return plain(c);
      const smooth = (originalLength / wavelength - low) / (high - low);
      return ((1 - smooth) * plain(c)) / factor + smooth * plain(c);
    });
    return { frequencies, amplitude: 1 };
  }
  const kept = pairs.map((c) => 1 - ramp(c, headDim, ropeTheta, ropeScaling));
  const frequencies = pairs.map((c) => (plain(c) / factor) * (1 - kept[c]) + plain(c) * kept[c]);
  return { frequencies, amplitude: ropeScaling.attentionFactor };
}

/** 0 for pairs that stay, 1 for pairs stretched by the whole factor. */
function ramp(c: number, headDim: number, theta: number, scaling: YarnRopeScaling): number {
  const pairWith = (turns: number) =>
    (headDim * Math.log(scaling.originalLength / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  let low = pairWith(scaling.betaFast);
  let high = pairWith(scaling.betaSlow);
  if (scaling.truncate) [low, high] = [Math.floor(low), Math.ceil(high)];
  low = Math.max(low, 0);
  high = Math.min(high, headDim - 1);
  if (low === high) high += 0.001;
  return Math.min(Math.max((c - low) / (high - low), 0), 1);
}
