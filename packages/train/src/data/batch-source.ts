/**
 * What the loop asks of data: one batch after another, in an order that is fixed by the source and its seed, and a
 * cursor that says where in that order it stands. A checkpoint keeps the cursor; `seek` goes back to it.
 *
 * Types only; the sources are its neighbours. Shape letters: B texts of a batch, T positions of a text.
 */

/** One text of a batch: T + 1 ids, of which the first T are read and the last T are to be foreseen. */
export interface TrainingText {
  readonly tokens: Int32Array;
  /** Places in `tokens` where a document begins, ascending. Place 0 need not be listed: what is before it is not known. */
  readonly documentStarts: Int32Array;
  /**
   * The positions whose losses count, ascending, in [0, T): position i foresees `tokens[i + 1]`. Without it all count.
   */
  readonly positions?: Int32Array;
}

/** B texts; their lengths may differ. The mean loss of a batch is over all its positions that count. */
export interface Batch {
  readonly texts: readonly TrainingText[];
}

/** Where a source stands: names and plain values, so that it survives JSON unchanged. What they mean is the source's own. */
export interface Cursor {
  readonly [name: string]: number | string;
}

export interface BatchSource {
  /** The next batch; null when the source has come to its end. A source to train on may go on for ever. */
  next(signal?: AbortSignal): Promise<Batch | null>;
  /** Where the batch after the last one returned by `next` begins. */
  cursor(): Cursor;
  /**
   * Goes to where `cursor` was taken: `next` gives what it gave then, bit for bit. Throws InvalidArgumentError for a
   * cursor of another source (other data, other lengths, another seed).
   */
  seek(cursor: Cursor): void;
}
