/**
 * How a model's parameters are kept on a device, and what that takes. Matrices may be narrower than f32 (`WeightDType`);
 * vectors, the gains of norms, are always f32, as is what is computed. Which numbers they are: @inattention/model.
 */

import { blockScaledBytes } from '../tensor/block-scaled.ts';
import { type BlockDType, bytesPerElement } from '../tensor/dtype.ts';
import { type Shape, sizeOf } from '../tensor/shape.ts';
import type { ModelConfig } from './model-config.ts';
import { ropeAnglesBytes } from './rope-angles.ts';

/**
 * What a model's matrices are kept in. f32: 4 bytes a number. f16: 2. i8: 1, with an f32 scale per block of 32 along each
 * row (Q8_0's scheme), 9 bits a number in all. q8_0 and q4_1: a GGUF file's blocks of 32 as they are, 8.5 and 5 bits.
 */
export type WeightDType = 'f32' | 'f16' | 'i8' | BlockDType;

/** All of them. */
export const weightDTypes: readonly WeightDType[] = ['f32', 'f16', 'i8', 'q8_0', 'q4_1'];

/**
 * The dtype a parameter of `shape` is kept in when the model's is `wanted`: that, or f32 for vectors and for matrices
 * whose rows would not be whole 4-byte words (of q4_1 and q8_0 only whole blocks are: 32 and 64 elements).
 */
export function storedDType(shape: Shape, wanted: WeightDType): WeightDType {
  const rowBytes = (shape.at(-1) ?? 0) * bytesPerElement[wanted];
  return shape.length < 2 || rowBytes % 4 !== 0 ? 'f32' : wanted;
}

/** Device bytes of a parameter of `shape` when the model's dtype is `wanted`. */
export function storedBytes(shape: Shape, wanted: WeightDType): number {
  const dtype = storedDType(shape, wanted);
  return dtype === 'i8' ? blockScaledBytes(shape) : sizeOf(shape) * bytesPerElement[dtype];
}

/** Number of parameters. */
export function parameterCount(config: ModelConfig): number {
  return total(config, sizeOf);
}

/** Device bytes of the weights in `dtype`, with the rotary angles and slopes made from the configuration. */
export function weightBytes(config: ModelConfig, dtype: WeightDType = 'f32'): number {
  const angles = config.positionEmbeddingType === 'rope' ? ropeAnglesBytes(config.headDim) : 0;
  const slopes = config.positionEmbeddingType === 'alibi' ? config.numAttentionHeads * 4 : 0;
  return total(config, (shape) => storedBytes(shape, dtype)) + angles + slopes;
}

/** Σ over the parameters of `measure(shape)`. */
function total(config: ModelConfig, measure: (shape: Shape) => number): number {
  const { hiddenSize: D, vocabSize: V, intermediateSize: F, headDim: C, numHiddenLayers: L } = config;
  const queries = config.numAttentionHeads * C;
  const keys = config.numKeyValueHeads * C;
  const parameters: readonly (readonly [count: number, shape: Shape])[] = [
    [config.tieWordEmbeddings ? 1 : 2, [V, D]], // embedding, head
    [config.positionEmbeddingType === 'learned' ? 1 : 0, [config.maxPositionEmbeddings, D]],
    [config.initialStateWindow > 1 ? 1 : 0, [config.initialStateWindow - 1, D, D]],
    [2 * L + 1, [D]], // norms
    [L, [queries, D]],
    [2 * L, [keys, D]],
    [L, [D, queries]],
    [2 * L, [F, D]], // gate, up
    [L, [D, F]],
    [config.attentionBias === undefined ? 0 : L, [queries + 2 * keys]], // biases of q, k and v
    [config.attentionBias === 'qkvo' ? L : 0, [D]],
    [config.mlpBias ? L : 0, [2 * F + D]],
    [config.queryKeyNorm ? 2 * L : 0, [C]],
  ];
  return parameters.reduce((sum, [count, shape]) => sum + count * measure(shape), 0);
}
