/**
 * The stretches of a batch whose positions see each other, with what each position is to foresee. Host only: this is what
 * every way to compute a batch starts from.
 */

import { InvalidArgumentError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import type { Batch, TrainingText } from '../data/batch-source.ts';
import { checkText } from './check-text.ts';

/** Whether documents that share a text see each other. */
export type DocumentMask = 'separate' | 'joined';

export interface Segment {
  readonly tokens: Int32Array;
  /** Positions whose losses count, ascending. */
  readonly chosen: Int32Array;
  /** What each position foresees. */
  readonly targets: Int32Array;
}

/**
 * The stretches of a batch. Throws InvalidArgumentError, ShapeError or TokenOutOfRangeError for a batch that the model
 * cannot be trained on.
 */
export function segmentsOfBatch(batch: Batch, config: ModelConfig, mask: DocumentMask): Segment[] {
  const segments = batch.texts.flatMap((text, number) => {
    checkText(text, number, config);
    return segmentsOf(text, mask);
  });
  if (lossTermsOf(segments) === 0) {
    throw new InvalidArgumentError({
      what: 'A batch has no position whose loss counts.',
      got: `${batch.texts.length} texts, ${positionsOf(segments)} positions`,
      fix: 'choose positions, or take longer texts or documents',
    });
  }
  return segments;
}

/** Positions whose losses count. */
export function lossTermsOf(segments: readonly Segment[]): number {
  return segments.reduce((count, { chosen }) => count + chosen.length, 0);
}

/** Positions read. */
export function positionsOf(segments: readonly Segment[]): number {
  return segments.reduce((count, { tokens }) => count + tokens.length, 0);
}

/** What the chosen positions of all stretches foresee, one stretch after the other. */
export function chosenTargets(segments: readonly Segment[]): Int32Array {
  return joined(segments.map(({ chosen, targets }) => chosen.map((at) => targets[at] as number)));
}

/**
 * The first id of a separate document is foreseen by nobody: what is before it says nothing about it.
 */
function segmentsOf({ tokens, documentStarts, positions }: TrainingText, mask: DocumentMask): Segment[] {
  const length = tokens.length - 1;
  const inner = mask === 'joined' ? [] : [...documentStarts].filter((start) => start > 0 && start < length);
  const edges = [0, ...inner, length];
  const unseen = new Set(mask === 'joined' ? [] : documentStarts);
  const counts = (positions ?? Int32Array.from({ length }, (_, position) => position)).filter(
    (place) => !unseen.has(place + 1),
  );
  let next = 0;
  return edges.slice(0, -1).map((start, number) => {
    const end = edges[number + 1] as number;
    const first = next;
    while (next < counts.length && (counts[next] as number) < end) next += 1;
    return {
      tokens: tokens.subarray(start, end),
      targets: tokens.subarray(start + 1, end + 1),
      chosen: counts.subarray(first, next).map((place) => place - start),
    };
  });
}

/** Where parts of these lengths begin when they follow each other, and where the last ends. */
export function startsOf(lengths: readonly number[]): number[] {
  let end = 0;
  return [0, ...lengths.map((length) => (end += length))];
}

export function joined(parts: readonly Int32Array[]): Int32Array {
  const out = new Int32Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
