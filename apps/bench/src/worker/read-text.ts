/** The text that models are tested on, as each model's ids. */

import { type OpenText, tokenise } from '@inattention/bench';
import { InvalidFileError } from '@inattention/core';
import type { Tokenizer } from '@inattention/formats';
import { documentsInMemory, tokenizeInMemory } from '@inattention/train';
import type { TextChoice } from '../jobs.ts';
import { readUnseen } from '../texts/read-texts.ts';

/** Bytes of a text file at most. */
const largestFile = 64 * 2 ** 20;

export interface ReadText {
  readonly name: string;
  readonly text: string;
}

/** The beginning of the chosen text. Throws InvalidFileError for files that are too large or no text. */
export async function readText(choice: TextChoice, characters: number): Promise<ReadText> {
  const { name, text } = choice.kind === 'unseen' ? await readUnseen() : await readFile(choice.file);
  return {
    name: text.length > characters ? `${name}, its first ${characters} characters` : name,
    text: text.slice(0, characters),
  };
}

async function readFile(file: File): Promise<ReadText> {
  if (file.size > largestFile) {
    throw new InvalidFileError({
      what: `${file.name} is too large.`,
      got: `${file.size} bytes`,
      expected: `at most ${largestFile}`,
    });
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
    return { name: file.name, text };
  } catch (cause) {
    throw new InvalidFileError({ what: `${file.name} is no text.`, expected: 'text in UTF-8', cause });
  }
}

/** One document, for the quality bench. */
export function openText({ name, text }: ReadText): OpenText {
  return {
    facts: { name, documents: 1, bytes: new TextEncoder().encode(text).length },
    tokensFor(model, signal) {
      const tokenizer = wanted(model.tokenizer, model.name);
      return tokenizeInMemory([documentsInMemory([text], name)], { tokenizer, ...(signal && { signal }) });
    },
  };
}

/** The first ids of a text: by the model's own tokenizer, or for a random model by a vocabulary of its size. */
export async function idsOf(
  { name, text }: ReadText,
  { tokenizer, vocabSize }: { readonly tokenizer: Tokenizer | null; readonly vocabSize: number },
  tokens: number,
): Promise<Int32Array> {
  if (tokenizer === null) {
    const { ids } = await tokenise({ title: name, source: '', licence: '', text }, tokens, vocabSize);
    return ids;
  }
  return tokenizer.encode(text).slice(0, tokens);
}

function wanted(tokenizer: Tokenizer | null, model: string): Tokenizer {
  if (tokenizer !== null) return tokenizer;
  throw new InvalidFileError({
    what: `${model} has no tokenizer.`,
    fix: 'choose its tokenizer.json together with its other files',
  });
}
