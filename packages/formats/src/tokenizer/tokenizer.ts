/** What this project asks of a tokenizer. */

/** Decodes ids one at a time; only whole characters come out, and all of them together are what `decode` gives. */
export interface StreamDecoder {
  /** Text that became certain with this id; may be empty. */
  push(id: number): string;
  /** What is left at the end. */
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
  encode(text: string): Int32Array;
  decode(ids: Iterable<number>): string;
  streamDecoder(): StreamDecoder;
}
