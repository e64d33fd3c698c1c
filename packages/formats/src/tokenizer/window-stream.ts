/**
 * Streams text out of any tokenizer that can only decode lists of ids, by decoding the last few again with each new one.
 *
 * Exact where the text of a list starts with the text of its beginning, but for a character that is not complete yet: so
 * for every decoder that looks at a token and its neighbours (Metaspace, WordPiece, byte fallback, BPE suffixes). A rule
 * that rewrites across tokens without bound (a regular expression after Fuse) may show only with `flush`.
 */

import type { StreamDecoder } from './tokenizer.ts';

const replacement = '\u{FFFD}';

/** Ids kept for context when the window is cut, and how many more it may grow before it is cut again. */
const keptIds = 16;
const growth = 16;

/** A stream over `decode`, which gets non-empty lists of ids that it knows. */
export function windowStreamDecoder(
  decode: (ids: number[]) => string,
  isKnown: (id: number) => boolean,
): StreamDecoder {
  let window: number[] = [];
  let given = 0; // length of the window's text that has been given out
  let cutAt = keptIds + growth;

  /** Drops the oldest ids. What is left must decode to something, or a decoder could take it for the start of a text. */
  const cut = (pending: number): void => {
    const rest = window.slice(-keptIds);
    const text = decode(rest);
    if (text.length > pending) {
      window = rest;
      given = text.length - pending;
    }
    cutAt = window.length + growth;
  };
  return {
    push(id) {
      if (!isKnown(id)) return '';
      window.push(id);
      const text = decode(window);
      // An incomplete UTF-8 sequence at the end shows as one replacement character, which the next id may complete.
      const pending = text.endsWith(replacement) ? 1 : 0;
      const certain = text.slice(given, text.length - pending);
      given += certain.length;
      if (window.length >= cutAt && given === text.length - pending) cut(pending);
      return certain;
    },
    flush() {
      const rest = window.length === 0 ? '' : decode(window).slice(given);
      window = [];
      given = 0;
      cutAt = keptIds + growth;
      return rest;
    },
  };
}
