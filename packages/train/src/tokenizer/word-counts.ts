/**
 * Counts the words of documents: what a byte-level tokenizer cuts a text into before it merges anything. Merges never
 * cross a word, so training needs each distinct word once, with how often it occurs.
 *
 * The pattern is GPT-2's (Radford et al., 2019, released encoder): contractions, letters, digits and other characters each
 * with a space before them, white space. Special tokens are cut out first, as an encoder does, and teach nothing.
 */

import { cutText } from '../data/cut-text.ts';

const wordPattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

export class WordCounts {
  /** How often each word occurs, in the order of first occurrence. */
  readonly counts = new Map<string, number>();
  /** Documents, empty ones included. */
  documents = 0;
  /** UTF-16 units read. */
  characters = 0;
  readonly #special: RegExp | null;

  constructor(specialTokens: readonly string[]) {
    const longestFirst = [...specialTokens].sort((a, b) => b.length - a.length);
    this.#special = longestFirst.length === 0 ? null : new RegExp(longestFirst.map(escapePattern).join('|'), 'gu');
  }

  /** Counts a document, piece by piece: the caller can pause between the pieces. */
  *add(document: string): Generator<void> {
    this.documents += 1;
    for (const part of this.#special === null ? [document] : document.split(this.#special)) {
      for (const piece of cutText(part)) {
        this.#count(piece);
        this.characters += piece.length;
        yield;
      }
    }
  }

  #count(text: string): void {
    for (const [word] of text.matchAll(wordPattern)) this.counts.set(word, (this.counts.get(word) ?? 0) + 1);
  }
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
