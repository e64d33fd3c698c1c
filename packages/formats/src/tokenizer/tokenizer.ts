/** What this project asks of a tokenizer. */

/** Decodes ids one at a time; only whole characters come out, and all of them together are what `decode` gives. */
export interface StreamDecoder {
  /** Text that became certain with this id; may be empty. */
  push(id: number): string;
  /** What is left at the end. The decoder can then be used for another text. */
  flush(): string;
}

export interface Tokenizer {
  /** For people: what kind of tokenizer it is. */
  readonly name: string;
  /** Ids run from 0 to vocabSize − 1. */
  readonly vocabSize: number;
  /** Ids that end a text, as far as the tokenizer knows. */
  readonly eosTokenIds: readonly number[];
  /** Tells tokenizers apart in saved sessions. */
  readonly fingerprint: string;
  /** Ids of a text; nothing is put before or after it. Lone surrogates count as U+FFFD. */
  encode(text: string): Int32Array;
  /** Text of ids. Bytes that are no valid UTF-8 become U+FFFD; ids that are no tokens become nothing. */
  decode(ids: Iterable<number>): string;
  streamDecoder(): StreamDecoder;
}
