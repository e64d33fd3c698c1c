/**
 * Multi-query associative recall (MQAR: Arora et al., "Zoology: Measuring and Improving Recall in Efficient Language
 * Models", 2023, §3 and appendix): pairs of a key and its value, and later some keys again, each to be followed by its
 * value. As there, a key is asked for once, and the distance from the pairs to a question follows a power law (exponent
 * α − 1 with α = 0.01: most are asked soon).
 *
 * What differs from the paper's generator, and why. The value follows its question in the text, since training here foresees the
 * next token (there, a random token does, and the label is given apart); lest the values that are left tell the answer,
 * only `asked` of the keys are asked for. What fills the text are ids of their own, neither keys nor values (there, any id
 * of a vocabulary of 8,192, where chance meetings are rare; here they would not be). `gap` puts fillers between a key and its
 * value in the pairs: 0 is the paper's task.
 */

import type { Random } from '@inattention/model';
import { below, distinctBelow, type Task, type TaskText } from './task.ts';

export interface RecallSizes {
  /** Different keys, and as many different values. */
  readonly keys: number;
  readonly pairs: number;
  /** Ids of the text, the pairs included; even. */
  readonly length: number;
  /** Fillers between a key and its value. */
  readonly gap: number;
  /** Keys that are asked for, each once. */
  readonly asked: number;
}

/** Different fillers. */
const fillers = 16;
/** α of the distances. */
const alpha = 0.01;

/** Ids: keys from 0, then values, then fillers. */
export function associativeRecall(name: string, { keys, pairs, length, gap, asked }: RecallSizes): Task {
  const stride = gap + 2;
  const slots = (length - pairs * stride) / 2; // a question takes two ids
  const filler = (random: Random) => 2 * keys + below(random, fillers);
  return {
    name,
    description:
      `${pairs} pairs of a key and its value among ${keys} of each` +
      `${gap === 0 ? '' : `, ${gap} other tokens between a key and its value`}; then ${asked} of the keys again: which value?`,
    vocabSize: 2 * keys + fillers,
    longest: length - 1,
    chance: 1 / keys,
    sample(random): TaskText {
      const tokens = Int32Array.from({ length }, () => filler(random));
      const chosen = distinctBelow(random, keys, pairs);
      const values = chosen.map(() => keys + below(random, keys));
      for (const [order, key] of chosen.entries()) {
        tokens[order * stride] = key;
        tokens[order * stride + gap + 1] = values[order] as number;
      }
      const places = questionPlaces(random, slots, asked).map((slot) => pairs * stride + 2 * slot);
      const askedPairs = distinctBelow(random, pairs, asked);
      for (const [order, pair] of askedPairs.entries()) {
        const place = places[order] as number;
        tokens[place] = chosen[pair] as number;
        tokens[place + 1] = values[pair] as number;
      }
      return {
        tokens,
        documentStarts: new Int32Array(0),
        positions: Int32Array.from(places).sort(),
      };
    },
  };
}

/** `count` different slots, drawn without replacement with probabilities ∝ (slot + 1)^(α − 1). */
function questionPlaces(random: Random, slots: number, count: number): number[] {
  const weights = Array.from({ length: slots }, (_, slot) => (slot + 1) ** (alpha - 1));
  return Array.from({ length: count }, () => {
    let left = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
    const found = weights.findIndex((weight) => {
      left -= weight;
      return weight > 0 && left < 0;
    });
    const slot = found === -1 ? weights.findLastIndex((weight) => weight > 0) : found; // rounding at the very end
    weights[slot] = 0;
    return slot;
  });
}
