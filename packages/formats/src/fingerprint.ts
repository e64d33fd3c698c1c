/**
 * Fingerprints that tell files apart by accident, not by malice: FNV-1a, 64 bit
 * (http://www.isthe.com/chongo/tech/comp/fnv/), in two 32-bit halves.
 */

export class Fingerprint {
  #high = 0xcbf29ce4;
  #low = 0x84222325;

  add(bytes: Uint8Array): this {
    let high = this.#high;
    let low = this.#low;
    for (const byte of bytes) {
      low = (low ^ byte) >>> 0;
      // times 2^40 + 0x1b3, modulo 2^64
      const product = low * 0x1b3;
      const carry = Math.floor(product / 2 ** 32);
      high = (Math.imul(high, 0x1b3) + carry + (low << 8)) >>> 0;
      low = product >>> 0;
    }
    this.#high = high;
    this.#low = low;
    return this;
  }

  addText(text: string): this {
    return this.add(new TextEncoder().encode(text));
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    const hex = (half: number) => half.toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}
