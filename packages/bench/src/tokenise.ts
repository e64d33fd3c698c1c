/**
 * The sweep's documents as token ids of a shape's own vocabulary size: GPT-2's byte-level BPE by the gpt-tokenizer
 * package (MIT, vocabulary bundled), whole or cut to its first merges. Ids of a cut vocabulary are GPT-2's.
 */

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

/** Ids of GPT-2: 256 bytes, 50,000 merges, <|endoftext|>, which no document contains. */
const gpt2VocabSize = 50_257;

/**
 * The first `tokens` ids of a text, all below `vocabSize` (256 bytes and vocabSize − 256 merges; at most GPT-2's 50,257,
 * the default). Throws InvalidArgumentError, with `fix`, when the text is shorter: repeating it would flatter the tables.
 */
export async function tokenise(
  { text, ...facts }: Text,
  tokens: number,
  vocabSize: number = gpt2VocabSize,
  fix = 'ask for shorter lengths',
): Promise<SweepDocument> {
  const encode = await encoderOf(vocabSize);
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
      what: `${facts.title} is too short for this.`,
      got: `${filled.toLocaleString('en-US')} tokens`,
      expected: `${tokens.toLocaleString('en-US')} tokens, those decoded included`,
      fix,
    });
  }
  return { ...facts, tokenizer: tokenizerName(vocabSize), ids };
}

function tokenizerName(vocabSize: number): string {
  if (vocabSize === gpt2VocabSize) return `GPT-2 BPE, ${gpt2VocabSize.toLocaleString('en-US')} ids`;
  return `GPT-2 BPE cut to its first ${vocabSize.toLocaleString('en-US')} ids (not the shape's own tokenizer, but a BPE of its size)`;
}

async function encoderOf(vocabSize: number): Promise<(text: string) => number[]> {
  if (!(Number.isInteger(vocabSize) && vocabSize >= 256 && vocabSize <= gpt2VocabSize)) {
    throw new InvalidArgumentError({
      what: 'No byte-pair vocabulary of this size can be cut from GPT-2’s.',
      got: String(vocabSize),
      expected: `256 … ${gpt2VocabSize}`,
    });
  }
  const [{ BytePairEncodingCore }, { R50K_TOKEN_SPLIT_REGEX }, { default: ranks }] = await Promise.all([
    import('gpt-tokenizer/BytePairEncodingCore'),
    import('gpt-tokenizer/encodingParams/constants'),
    import('gpt-tokenizer/bpeRanks/r50k_base'),
  ]);
  const encoding = new BytePairEncodingCore({
    bytePairRankDecoder: ranks.slice(0, vocabSize),
    tokenSplitRegex: R50K_TOKEN_SPLIT_REGEX,
  });
  return (text) => encoding.encodeNative(text);
}
