/** Watches streamed text for stop sequences and holds back what may be the beginning of one. */

export class StopSequences {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0);
  }

  /** Takes more text; returns what may be shown, and whether a stop sequence was completed (its text is not shown). */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    const pending = this.#held + text;
    const ends = this.#stops.map((stop) => pending.indexOf(stop)).filter((index) => index !== -1);
    if (ends.length > 0) {
      this.#held = '';
      return { text: pending.slice(0, Math.min(...ends)), stopped: true };
    }
    const keep = this.#longestBeginning(pending);
    this.#held = pending.slice(pending.length - keep);
    return { text: pending.slice(0, pending.length - keep), stopped: false };
  }

  /** What is still held back, at the end of the text. */
  flush(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  /** Length of the longest end of `text` that begins a stop sequence. */
  #longestBeginning(text: string): number {
    const longest = Math.max(0, ...this.#stops.map((stop) => stop.length - 1));
    for (let length = Math.min(longest, text.length); length > 0; length -= 1) {
      const end = text.slice(text.length - length);
      if (this.#stops.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }
}
