/**
 * The byte-level alphabet of GPT-2: the character that each byte is written as in a vocabulary. Printable Latin-1 stands
 * for itself; the other 68 bytes follow from U+0100 on.
 * Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), its released encoder.
 */

/** The character of each byte, by byte. */
export const byteCharacters: readonly string[] = alphabet();

function alphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    if (printable) return String.fromCharCode(byte);
    next += 1;
    return String.fromCharCode(next - 1);
  });
}
