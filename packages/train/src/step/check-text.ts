/** What a text of a batch must be, checked before anything is computed from it. */

import { InvalidArgumentError, ShapeError } from '@inattention/core';
import { checkTokens, type ModelConfig } from '@inattention/core/math';
import type { TrainingText } from '../data/batch-source.ts';

/** Throws ShapeError, TokenOutOfRangeError or InvalidArgumentError for text `number` of a batch. */
export function checkText(
  { tokens, documentStarts, positions }: TrainingText,
  number: number,
  config: ModelConfig,
): void {
  const length = tokens.length - 1;
  if (length < 1) {
    throw new ShapeError({
      what: `Text ${number} of a batch is too short.`,
      got: `${tokens.length} ids`,
      expected: 'at least 2: one to read, one to foresee',
    });
  }
  if (config.positionEmbeddingType === 'learned' && length > config.maxPositionEmbeddings) {
    throw new ShapeError({
      what: `Text ${number} of a batch is longer than the model's table of positions.`,
      got: `${length} positions`,
      expected: `at most max_position_embeddings, ${config.maxPositionEmbeddings}`,
      fix: 'train on shorter texts',
    });
  }
  checkTokens(tokens, config.vocabSize);
  expectAscending(documentStarts, tokens.length, `The document starts of text ${number} of a batch`);
  if (positions !== undefined) expectAscending(positions, length, `The chosen positions of text ${number} of a batch`);
}

function expectAscending(places: Int32Array, end: number, what: string): void {
  const wrong = places.findIndex(
    (place, at) => place < 0 || place >= end || (at > 0 && place <= (places[at - 1] as number)),
  );
  if (wrong === -1) return;
  throw new InvalidArgumentError({
    what: `${what} are out of order or range.`,
    got: `${places[wrong]} at place ${wrong}`,
    expected: `ascending, from 0 to ${end - 1}`,
  });
}
