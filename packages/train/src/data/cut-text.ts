/**
 * Cuts long texts into pieces that a tokenizer can take one after the other. A cut is made before white space that
 * follows something else: there every word of a byte-level tokenizer ends, so that the ids of the pieces are the ids of
 * the whole. A text without white space is cut anywhere but within a character, which may cost a token at the seam.
 */

/** UTF-16 units of a piece. */
export const pieceLength = 2 ** 16;

/** The longest prefix of at most `length` units after which a cut is good; `text` is longer than that. */
function goodCut(text: string, length = pieceLength): number {
  for (let cut = length; cut > 0; cut -= 1) {
    if (isWhite(text.charCodeAt(cut)) && /\S/.test(text.charAt(cut - 1))) return cut;
  }
  return isLowSurrogate(text.charCodeAt(length)) && length > 1 ? length - 1 : length;
}

/** Pieces of `text` that together are `text`; none is empty. */
export function* cutText(text: string, length = pieceLength): Generator<string> {
  let rest = text;
  while (rest.length > length) {
    const cut = goodCut(rest, length);
    yield rest.slice(0, cut);
    rest = rest.slice(cut);
  }
  if (rest !== '') yield rest;
}

function isWhite(unit: number): boolean {
  // What \s matches below U+0100; a cut at rarer white space is not needed.
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || unit === 0xa0;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
