/**
 * Watches streamed text for stop sequences and holds back what may be the beginning of one. The sequence that is
 * complete first counts, and of those complete with the same character the longest, so that what is shown does not
 * depend on how the text is cut into pieces.
 */

export class StopSequences {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0);
  }

  /** Takes more text; returns what may be shown, and whether a stop sequence was completed (its text is not shown). */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    const pending = this.#held + text;
    const start = this.#firstStop(pending);
    if (start !== -1) {
      this.#held = '';
      return { text: pending.slice(0, start), stopped: true };
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

  /** Where the stop sequence begins that is complete first in `text`; -1 when none is. */
  #firstStop(text: string): number {
    let [start, end] = [-1, Number.POSITIVE_INFINITY];
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      if (at === -1 || at + stop.length > end || (at + stop.length === end && at > start)) continue;
      start = at;
      end = at + stop.length;
    }
    return start;
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
