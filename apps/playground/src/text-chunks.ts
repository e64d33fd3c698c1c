/**
 * Long texts are tokenised in chunks, so that an edit tokenises a chunk and not the text. Tokenizers of the GPT-2 kind
 * never join a letter to a following space, and look no further back than that: a text may be cut between a letter and
 * " x" without changing its ids. Where to cut depends on the letters beside the place alone, so that an edit moves no
 * cut but those beside it.
 */

const cutPlace = /\p{L}(?= (\p{L}))/gu;

/** Of all places where a text may be cut, one in so many is taken, */
const oneIn = 61;

/** and the next one when there was none for so many characters: texts that repeat a few words may lack them. */
const longestChunk = 16_384;

/** The text in pieces of some hundred characters to a few thousand; joined, they are the text. */
export function* chunksOf(text: string): Generator<string, void, undefined> {
  let start = 0;
  for (const { 0: letter, 1: next = '', index } of text.matchAll(cutPlace)) {
    const end = index + letter.length;
    const before = text.charCodeAt(index - 1) | 0; // NaN at the beginning
    const mixed = letter.charCodeAt(0) * 31 + before * 7 + next.charCodeAt(0) * 13;
    if (mixed % oneIn !== 0 && end - start < longestChunk) continue;
    yield text.slice(start, end);
    start = end;
  }
  if (start < text.length) yield text.slice(start);
}
