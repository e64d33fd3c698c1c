/**
 * A model's configuration for longer texts than those it was trained on: its positions stretched by one of the rules that
 * the field uses, its weights as they are. What is recorded (max_position_embeddings, rope_theta, rope_scaling) is what
 * Hugging Face's readers read, so loading, generation and other runtimes turn the same angles. Training on such texts is
 * the other half: `inattention train --from DIR --context-length N`.
 *
 * The factor s of a rule is the new length over the length before the first extension.
 */

import { InvalidArgumentError, UnsupportedError } from '@inattention/core';
import {
  type ModelConfig,
  maxRopePositions,
  ntkTheta,
  type RopeScaling,
  yarnAttentionFactor,
} from '@inattention/core/math';

/**
 * - `yarn`: slow pairs are stretched by s, fast ones stay, scores get a temperature (Peng et al., arXiv 2309.00071).
 * - `linear`: all pairs are stretched by s (Chen et al., arXiv 2306.15595).
 * - `ntk`: the base becomes theta · s^(C / (C − 2)) (bloc97, 2023), and stays a plain base.
 * - `none`: positions beyond those trained turn as they do; training alone is to make sense of them.
 */
export type RopeExtension = 'yarn' | 'linear' | 'ntk' | 'none';

export const ropeExtensions: readonly RopeExtension[] = ['yarn', 'linear', 'ntk', 'none'];

/**
 * The configuration with max_position_embeddings of at least `length`; the same when it has that already. Rotary positions
 * follow `rule` (default yarn); ALiBi and models without positions go on as they are. Throws UnsupportedError for learned
 * positions, beyond whose end there is nothing, InvalidArgumentError for a rule that the positions do not take.
 */
export function extendContext(config: ModelConfig, length: number, rule?: RopeExtension): ModelConfig {
  checkLength(length);
  const { positionEmbeddingType, maxPositionEmbeddings } = config;
  if (positionEmbeddingType !== 'rope' && rule !== undefined && rule !== 'none') {
    throw new InvalidArgumentError({
      what: 'Only rotary positions are scaled.',
      got: `rope scaling "${rule}" for a model with position_embedding_type "${positionEmbeddingType}"`,
      fix: 'leave the rule away',
    });
  }
  if (length <= maxPositionEmbeddings) return config;
  if (positionEmbeddingType === 'learned') {
    throw new UnsupportedError({
      what: 'A model with learned positions cannot be extended: it has a row for each position, and none beyond.',
      got: `${length} positions`,
      expected: `at most ${maxPositionEmbeddings}, the length of its learned positions`,
      fix: 'use texts of that length, or train a model with rotary positions or ALiBi',
    });
  }
  const longer = { ...config, maxPositionEmbeddings: length };
  return positionEmbeddingType === 'rope' ? { ...longer, ...scaled(config, length, rule ?? 'yarn') } : longer;
}

/** How a model's positions reach its length, for people: "yarn, factor 16, from 256". */
export function describePositions({ positionEmbeddingType, ropeTheta, ropeScaling }: ModelConfig): string {
  if (positionEmbeddingType !== 'rope') return positionEmbeddingType;
  const base = `rope, base ${Number(ropeTheta.toPrecision(6))}`;
  if (ropeScaling === undefined) return base;
  const from = ropeScaling.kind === 'linear' ? '' : ` from ${ropeScaling.originalLength}`;
  return `${base}, ${ropeScaling.kind} by ${Number(ropeScaling.factor.toPrecision(6))}${from}`;
}

type Rope = Partial<Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'>>;

function scaled(config: ModelConfig, length: number, rule: RopeExtension): Rope {
  const { ropeTheta, ropeScaling: before, maxPositionEmbeddings, headDim } = config;
  const factor = length / maxPositionEmbeddings;
  if (rule === 'none') return {};
  if (before !== undefined && before.kind !== rule) throw mixed(before, rule);
  if (rule === 'ntk') return { ropeTheta: ntkTheta(ropeTheta, factor, headDim) };
  if (rule === 'linear') return { ropeScaling: { kind: 'linear', factor: factorOf(before) * factor } };
  const yarn = before?.kind === 'yarn' ? before : undefined;
  const originalLength = yarn?.originalLength ?? maxPositionEmbeddings;
  const stretch = length / originalLength;
  return {
    ropeScaling: {
      ...{ kind: 'yarn', factor: stretch, originalLength, attentionFactor: yarnAttentionFactor(stretch) },
      ...{ betaFast: yarn?.betaFast ?? 32, betaSlow: yarn?.betaSlow ?? 1, truncate: yarn?.truncate ?? true },
    },
  };
}

function factorOf(scaling: RopeScaling | undefined): number {
  return scaling?.factor ?? 1;
}

function mixed(before: RopeScaling, rule: RopeExtension): InvalidArgumentError {
  const again = before.kind === 'llama3' ? '' : `"${before.kind}" again, or `;
  return new InvalidArgumentError({
    what: "The model's positions are scaled already, by another rule.",
    got: `rope scaling "${rule}" over "${before.kind}"`,
    expected: `${again}"none", which leaves them as they are`,
  });
}

function checkLength(length: number): void {
  if (Number.isSafeInteger(length) && length > 0 && length <= maxRopePositions) return;
  throw new InvalidArgumentError({
    what: 'A context cannot be extended to this length.',
    got: String(length),
    expected: `a whole number from 1 to ${maxRopePositions}`,
  });
}
