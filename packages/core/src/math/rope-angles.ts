/**
 * Rotary angles for every position up to 4 Mi from two small tables, computed in float64 and rounded once to f32.
 *
 * Position p = coarse · F + fine; cos and sin of p·θ_c follow by angle addition, so the error stays near one f32
 * rounding at any length. Never sin/cos of a large position in f32 (DESIGN §3, precision).
 * Source of the rotation: Su et al., arXiv 2104.09864; rotate-half pairs (c, c + C/2) as in Llama checkpoints.
 */

import type { Backend } from '../backend/backend.ts';
import type { RopeAngles } from '../backend/context-view.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type RopeFrequencies, type RopeScaling, ropeFrequencies } from './rope-frequencies.ts';

/** Entries of the fine table; position p uses entry p % FINE. */
const fineLength = 2048;
const coarseLength = 2048;

/** Positions a rope model can address: 4,194,304. */
export const maxRopePositions = fineLength * coarseLength;

/** The two tables on a device; dispose of them with the model. */
export interface OwnedRopeAngles extends RopeAngles {
  readonly fine: Tensor;
  readonly coarse: Tensor;
  dispose(): void;
}

function angleTable(
  entries: number,
  positionStep: number,
  { frequencies }: RopeFrequencies,
  amplitude: number,
): Float32Array {
  const pairs = frequencies.length;
  const table = new Float32Array(entries * pairs * 2); // [entries, C/2, 2]
  for (let entry = 0; entry < entries; entry += 1) {
    for (let pair = 0; pair < pairs; pair += 1) {
      const angle = entry * positionStep * (frequencies[pair] as number);
      table[(entry * pairs + pair) * 2] = amplitude * Math.cos(angle);
      table[(entry * pairs + pair) * 2 + 1] = amplitude * Math.sin(angle);
    }
  }
  return table;
}

/** Bytes the tables take on a device. */
export function ropeAnglesBytes(headDim: number): number {
  return (fineLength + coarseLength) * headDim * 4;
}

/**
 * Makes the tables for heads of size `headDim` (even) and base `theta`. Purpose: weights. What rotation multiplies by
 * besides (YaRN) is part of the coarse table, and so of every combined angle.
 */
export function createRopeAngles(
  backend: Backend,
  headDim: number,
  theta: number,
  scaling?: RopeScaling,
): OwnedRopeAngles {
  const turning = ropeFrequencies(headDim, theta, scaling);
  const shape = (entries: number) => [entries, headDim / 2, 2];
  const fine = Tensor.from(backend, angleTable(fineLength, 1, turning, 1), shape(fineLength), 'weights');
  let coarse: Tensor;
  try {
    const data = angleTable(coarseLength, fineLength, turning, turning.amplitude);
    coarse = Tensor.from(backend, data, shape(coarseLength), 'weights');
  } catch (error) {
    fine.dispose();
    throw error;
  }
  return {
    fineLength,
    fine,
    coarse,
    dispose() {
      fine.dispose();
      coarse.dispose();
    },
  };
}
