/**
 * rmsNorm and its gradient. One pass of EuclideanNorm over the row and one number more, √(D·ε):
 *
 *     √(Σ x² + D·ε) = ‖(x, √(D·ε))‖,   so   x / √(mean(x²) + ε) = √D · x / ‖(x, √(D·ε))‖
 *
 * which takes 3 operations for the norm (PadV2, EuclideanNorm, RealDiv) and one for weight · √D, of which the product is
 * kept until the weight changes. Square, Mean, AddV2, Rsqrt, Mul, Mul would be 6.
 */

import type { RmsNormArguments, RmsNormBackwardArguments } from '@inattention/core';
import type { Handle } from '../execution/handle.ts';
import type { DeviceBuffer } from '../memory/device-buffer.ts';
import type { KernelContext } from './kernel-context.ts';

/** weight · √D, by the weight's buffer. */
interface ScaledWeight {
  readonly version: number;
  readonly byteOffset: number;
  readonly handle: Handle;
}

export class ScaledWeights {
  readonly #known = new Map<DeviceBuffer, ScaledWeight>();

  /** weight · factor, [D]. */
  get(context: KernelContext, weight: NonNullable<RmsNormArguments['weight']>, factor: number): Handle {
    const buffer = context.bufferOf(weight);
    const known = this.#known.get(buffer);
    if (known?.version === buffer.version && known.byteOffset === weight.byteOffset) return known.handle;
    const scaled = context.operations.binary(
      'Mul',
      context.words(weight, weight.shape),
      context.runtime.scalar(factor),
    );
    const handle = context.runtime.keep(scaled);
    if (known === undefined) context.memory.onFree(buffer, () => this.#drop(context, buffer));
    else context.runtime.delete(known.handle);
    if (known === undefined) context.memory.addCached(handle.bytes);
    this.#known.set(buffer, { version: buffer.version, byteOffset: weight.byteOffset, handle });
    return handle;
  }

  #drop(context: KernelContext, buffer: DeviceBuffer): void {
    const known = this.#known.get(buffer);
    if (known === undefined) return;
    this.#known.delete(buffer);
    context.runtime.delete(known.handle);
    context.memory.addCached(-known.handle.bytes);
  }

  /** Gives everything back. */
  trim(context: KernelContext): void {
    for (const buffer of [...this.#known.keys()]) this.#drop(context, buffer);
  }
}

export function rmsNorm(context: KernelContext, weights: ScaledWeights, args: RmsNormArguments): void {
  const { input, weight, epsilon, out, inverseRms } = args;
  const { operations, runtime } = context;
  const [rows, width] = input.shape as readonly [number, number];
  const x = context.words(input, [rows, width]);
  const root = Math.sqrt(width);
  const longer = operations.pad(
    x,
    [
      [0, 0],
      [0, 1],
    ],
    Math.sqrt(width * epsilon),
  ); // [n, D + 1]
  const norm = operations.reduce('EuclideanNorm', longer, 1); // [n, 1]
  if (inverseRms !== null) context.store(inverseRms, operations.binary('RealDiv', runtime.scalar(root), norm));
  const unit = operations.binary('RealDiv', x, norm); // [n, D]
  const factor = weight === null ? runtime.scalar(root) : weights.get(context, weight, root);
  context.store(out, operations.binary('Mul', unit, factor));
}

/**
 * With y = x r, r the inverse RMS: ∂x = r (g ⊙ ∂out − y mean(y ⊙ g ⊙ ∂out)), ∂g = Σ_rows y ⊙ ∂out.
 */
export function rmsNormBackward(context: KernelContext, args: RmsNormBackwardArguments): void {
  const { input, weight, inverseRms, gradOut, gradInput, gradWeight } = args;
  const { operations, runtime } = context;
  const [rows, width] = input.shape as readonly [number, number];
  const inverse = context.words(inverseRms, [rows, 1]);
  const gradient = context.words(gradOut, [rows, width]);
  const unit = operations.binary('Mul', context.words(input, [rows, width]), inverse); // y
  const weighted = weight === null ? gradient : operations.binary('Mul', gradient, context.words(weight, [width]));
  const along = operations.reduce('Sum', operations.binary('Mul', unit, weighted), 1); // [n, 1]
  const mean = operations.binary('Mul', along, runtime.scalar(1 / width));
  const across = operations.binary('Sub', weighted, operations.binary('Mul', unit, mean));
  const result = operations.binary('Mul', across, inverse);
  if (gradWeight !== null)
    context.store(gradWeight, operations.reduce('Sum', operations.binary('Mul', unit, gradient), 0));
  context.store(gradInput, result);
}
