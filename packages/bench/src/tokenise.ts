/** The sweep's documents in GPT-2's vocabulary, by the gpt-tokenizer package (MIT, vocabulary bundled). */

import { InvalidArgumentError } from '@inattention/core';
import type { SweepDocument } from './sweep/sweep.ts';

/** A document and where it is from. */
export interface Text {
  readonly title: string;
  readonly source: string;
  readonly licence: string;
  readonly text: string;
}

/** Characters tokenised at a time; documents are cut at line ends, where GPT-2's tokens never span. */
const pieceLength = 20_000;

/** The first `tokens` ids of a text. Throws InvalidArgumentError when the text is shorter. */
export async function tokenise({ text, ...facts }: Text, tokens: number): Promise<SweepDocument> {
  const { encode } = await import('gpt-tokenizer/encoding/r50k_base');
  const ids = new Int32Array(tokens);
  let filled = 0;
  for (let start = 0; start < text.length && filled < tokens; ) {
    const lineEnd = text.indexOf('\n', start + pieceLength);
    const end = lineEnd === -1 ? text.length : lineEnd;
    const piece = encode(text.slice(start, end)).slice(0, tokens - filled);
    ids.set(piece, filled);
    filled += piece.length;
    start = end;
  }
  if (filled < tokens) {
    throw new InvalidArgumentError({
      what: `${facts.title} is too short for this sweep.`,
      got: `${filled} tokens`,
      expected: `${tokens}`,
      fix: 'ask for shorter lengths',
    });
  }
  return { ...facts, tokenizer: 'GPT-2 BPE (r50k_base)', ids };
}
