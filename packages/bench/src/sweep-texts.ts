/** The texts of a sweep from the command line: what is measured, and what warm tables have served. Node only. */

import type { WarmUpKind } from './result.ts';
import { decodedTokens, type SweepDocument, warmUpDocumentTokens } from './sweep/sweep.ts';
import { readMobyDick, readStateOfTheUnion } from './texts.ts';
import { tokenise } from './tokenise.ts';

export interface SweepTexts {
  readonly text: SweepDocument;
  readonly warmUpText: SweepDocument;
}

/** Where later chapters begin, whatever shorter lengths are measured, so that sweeps have the same ones. */
const laterChapters: number = 131_072 + decodedTokens;

/**
 * Moby-Dick from its beginning, and a document of 128 Ki tokens for warm tables: later chapters of it (`same-book`; no
 * token of them is measured) or the State of the Union addresses (`other`). Throws InvalidArgumentError for a length
 * past what the novel has.
 */
export async function readSweepTexts(longest: number, warmUp: WarmUpKind, vocabSize: number): Promise<SweepTexts> {
  const measured = longest + decodedTokens;
  const novel = await readMobyDick();
  if (warmUp === 'other') {
    const warmUpText = await tokenise(await readStateOfTheUnion(), warmUpDocumentTokens, vocabSize);
    return { text: await tokenise(novel, measured, vocabSize), warmUpText };
  }
  const begin = Math.max(laterChapters, measured);
  const fix = 'ask for shorter lengths, or for another text to warm tables with: --warm-up other';
  const whole = await tokenise(novel, begin + warmUpDocumentTokens, vocabSize, fix);
  const count = (tokens: number) => tokens.toLocaleString('en-US');
  const title = `${whole.title}, tokens ${count(begin)} to ${count(whole.ids.length)}`;
  return {
    text: { ...whole, ids: whole.ids.subarray(0, measured) },
    warmUpText: { ...whole, title, ids: whole.ids.subarray(begin) },
  };
}
