/** RMS normalisation (Zhang & Sennrich, arXiv 1910.07467): weight ⊙ x / sqrt(mean(x²) + ε) over the last axis. */

import type { Tensor } from '../tensor/tensor.ts';
import { affine, binary, unary } from './elementwise.ts';
import { asRows, expectFloat, type OperationContext, produce } from './operation-context.ts';
import { reduce } from './reduce.ts';

/** [.., D], and per row the factor 1 / sqrt(mean(x²) + ε), [n]. */
export type Normalised = {
  readonly out: Tensor;
  readonly inverseRms: Tensor;
};

export function rmsNorm(context: OperationContext, input: Tensor, weight: Tensor | null, epsilon: number): Tensor {
  check(context, input, weight);
  const { rmsNorm: fused } = context.fused;
  if (fused === undefined) return context.scope(() => composed(context, input, weight, epsilon).out);
  return produce(context, input.shape, (out) => {
    using flat = flatten(input);
    using flatOut = flatten(out);
    fused({ input: flat, weight, epsilon, out: flatOut, inverseRms: null });
  });
}

export function rmsNormWithInverse(
  context: OperationContext,
  input: Tensor,
  weight: Tensor | null,
  epsilon: number,
): Normalised {
  check(context, input, weight);
  const { rmsNorm: fused } = context.fused;
  return context.scope(() => {
    if (fused === undefined) return composed(context, input, weight, epsilon);
    const inverseRms = context.allocate([asRows(input, 'rmsNorm').rows]);
    const out = produce(context, input.shape, (filled) => {
      using flat = flatten(input);
      using flatOut = flatten(filled);
      fused({ input: flat, weight, epsilon, out: flatOut, inverseRms });
    });
    return { out, inverseRms };
  });
}

export interface NormGradients {
  readonly input: Tensor;
  readonly weight: Tensor | null;
}

/** Gradients of rmsNorm, given what the forward pass saw. */
export function rmsNormBackward(
  context: OperationContext,
  input: Tensor,
  weight: Tensor | null,
  inverseRms: Tensor,
  gradOut: Tensor,
): NormGradients {
  check(context, input, weight);
  expectFloat(context, inverseRms, 'rmsNormBackward: inverseRms', [asRows(input, 'rmsNorm').rows]);
  expectFloat(context, gradOut, 'rmsNormBackward: the gradient', input.shape);
  const { rmsNormBackward: fused } = context.fused;
  if (fused === undefined || input.size === 0) return composedBackward(context, input, weight, inverseRms, gradOut);
  const [gradInput, gradWeight] = context.scope(() => {
    const gradients = [context.allocate(input.shape), ...(weight === null ? [] : [context.allocate(weight.shape)])];
    const [flatInput, flatGradOut, flatGradInput] = [input, gradOut, gradients[0] as Tensor].map((tensor) =>
      context.own(flatten(tensor)),
    ) as [Tensor, Tensor, Tensor];
    fused({
      input: flatInput,
      weight,
      inverseRms,
      gradOut: flatGradOut,
      gradInput: flatGradInput,
      gradWeight: gradients[1] ?? null,
    });
    return gradients;
  });
  return { input: gradInput as Tensor, weight: gradWeight ?? null };
}

function check(context: OperationContext, input: Tensor, weight: Tensor | null): void {
  expectFloat(context, input, 'rmsNorm: the input');
  const { width } = asRows(input, 'rmsNorm: the input');
  if (weight !== null) expectFloat(context, weight, 'rmsNorm: the weight', [width]);
}

function flatten(tensor: Tensor): Tensor {
  const { rows, width } = asRows(tensor, 'rmsNorm');
  return tensor.reshape([rows, width]);
}

function composed(context: OperationContext, input: Tensor, weight: Tensor | null, epsilon: number): Normalised {
  const { rows, width } = asRows(input, 'rmsNorm');
  const flat = context.own(input.reshape([rows, width]));
  const sumOfSquares = reduce(context, 'sum', binary(context, 'multiply', flat, flat), 1); // [n]
  const rms = unary(context, 'sqrt', affine(context, sumOfSquares, 1 / width, epsilon));
  const inverseRms = binary(context, 'divide', affine(context, rms, 0, 1), rms);
  const perRow = context.own(inverseRms.reshape([rows, 1]));
  const scaled = binary(context, 'multiply', flat, perRow);
  const out = weight === null ? scaled : binary(context, 'multiply', scaled, weight);
  return { out: context.own(out.reshape(input.shape)), inverseRms };
}

/**
 * With s = inverseRms and y = g ⊙ grad: gradInput = s · y − x · s³ · mean(x ⊙ y); gradWeight = Σ_rows grad ⊙ x · s.
 */
function composedBackward(
  context: OperationContext,
  input: Tensor,
  weight: Tensor | null,
  inverseRms: Tensor,
  gradOut: Tensor,
): NormGradients {
  const { rows, width } = asRows(input, 'rmsNormBackward');
  const results = context.scope(() => {
    const x = context.own(input.reshape([rows, width]));
    const grad = context.own(gradOut.reshape([rows, width]));
    const scale = context.own(inverseRms.reshape([rows, 1]));
    const normalised = binary(context, 'multiply', x, scale); // x · s
    const weighted = weight === null ? grad : binary(context, 'multiply', grad, weight);
    const mean = affine(
      context,
      reduce(context, 'sum', binary(context, 'multiply', normalised, weighted), 1),
      1 / width,
      0,
    );
    const along = binary(context, 'multiply', normalised, context.own(mean.reshape([rows, 1])));
    const flat = binary(context, 'multiply', binary(context, 'subtract', weighted, along), scale);
    const gradInput = context.own(flat.reshape(input.shape));
    if (weight === null) return [gradInput];
    return [gradInput, reduce(context, 'sum', binary(context, 'multiply', grad, normalised), 0)];
  });
  return { input: results[0] as Tensor, weight: results[1] ?? null };
}
