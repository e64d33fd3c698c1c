/**
 * Batches of texts in an order that a seed decides, epoch after epoch. The order is computed, not stored, and so the
 * cursor is a few numbers however many texts there are.
 */

import { InvalidArgumentError } from '@inattention/core';
import { Fingerprint } from '@inattention/formats';
import type { BatchSource, Cursor, TrainingText } from './batch-source.ts';
import type { Examples } from './examples.ts';
import { checkSeed } from './hash.ts';
import { permutation } from './permutation.ts';
import { samplePositions } from './sample-positions.ts';

export interface ExampleBatchesOptions {
  /** Texts of a batch. Where an epoch ends within one, the next epoch fills it. */
  readonly batchSize: number;
  /** Default 0. */
  readonly seed?: number;
  /** Shuffled, differently in each epoch, or in the order of their numbers. Default shuffled. */
  readonly order?: 'shuffled' | 'sequential';
  /** How often each text comes; the last batch may then be smaller. Default: without end. */
  readonly epochs?: number;
  /**
   * Losses of so many positions of each text, drawn uniformly without replacement, others in each epoch. Default: of all.
   */
  readonly positions?: number;
}

/** Throws InvalidArgumentError for options that cannot be. One `next` at a time. */
export function exampleBatches(examples: Examples, options: ExampleBatchesOptions): BatchSource {
  const { batchSize, seed = 0, order = 'shuffled', epochs = Number.POSITIVE_INFINITY, positions } = options;
  checkSeed(seed);
  checkCounts({
    batchSize,
    ...(epochs !== Number.POSITIVE_INFINITY && { epochs }),
    ...(positions !== undefined && { positions }),
  });
  const what = JSON.stringify([examples.fingerprint, batchSize, order, String(epochs), positions ?? null]);
  const data = new Fingerprint().addText(what).toString();
  let [epoch, index] = [0, 0];
  let shuffled = { epoch: -1, numberAt: (place: number) => place };

  function numberAt(ofEpoch: number, place: number): number {
    if (order === 'sequential') return place;
    if (shuffled.epoch !== ofEpoch) {
      shuffled = { epoch: ofEpoch, numberAt: permutation(examples.count, seed, ofEpoch) };
    }
    return shuffled.numberAt(place);
  }

  async function read(ofEpoch: number, number: number, signal?: AbortSignal): Promise<TrainingText> {
    const text = await examples.read(number, signal);
    const length = text.tokens.length - 1;
    if (positions === undefined || positions >= length) return text;
    return { ...text, positions: samplePositions(length, positions, seed, ofEpoch, number) };
  }

  return {
    async next(signal) {
      const texts: Promise<TrainingText>[] = [];
      let [nextEpoch, nextIndex] = [epoch, index];
      while (texts.length < batchSize && nextEpoch < epochs) {
        texts.push(read(nextEpoch, numberAt(nextEpoch, nextIndex), signal));
        nextIndex += 1;
        if (nextIndex === examples.count) [nextEpoch, nextIndex] = [nextEpoch + 1, 0];
      }
      if (texts.length === 0) return null;
      const batch = { texts: await Promise.all(texts) };
      [epoch, index] = [nextEpoch, nextIndex]; // only now: after a failure the same batch comes again
      return batch;
    },
    cursor: () => ({ epoch, index, seed, data }),
    seek(cursor) {
      checkCursor(cursor, { seed, data, count: examples.count, name: examples.name });
      [epoch, index] = [cursor.epoch as number, cursor.index as number];
    },
  };
}

interface CursorBounds {
  readonly seed: number;
  readonly data: string;
  readonly count: number;
  readonly name: string;
}

function checkCursor(cursor: Cursor, { seed, data, count, name }: CursorBounds): void {
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (cursor.data !== data || cursor.seed !== seed) {
    throw new InvalidArgumentError({
      what: `The cursor does not belong to these batches of ${name}.`,
      got: `data ${cursor.data}, seed ${cursor.seed}`,
      expected: `data ${data}, seed ${seed}`,
      fix: 'go on with the same data, lengths, batch size, order, epochs, positions and seed, or begin anew',
    });
  }
  if (isCount(cursor.epoch) && isCount(cursor.index) && cursor.index < count) return;
  throw new InvalidArgumentError({
    what: `The cursor points to no batch of ${name}.`,
    got: `epoch ${cursor.epoch}, index ${cursor.index}`,
    expected: `an index below ${count}`,
  });
}

function checkCounts(counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    if (Number.isSafeInteger(count) && count >= 1) continue;
    throw new InvalidArgumentError({ what: `${name} is a whole number from 1.`, got: String(count) });
  }
}
