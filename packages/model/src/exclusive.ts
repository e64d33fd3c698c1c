/** Runs asynchronous work one piece at a time, in the order it was asked for. A failure does not stop what follows. */
export class Exclusive {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Work that needs several at once. It takes its turn in all of them in the same moment, so that two such pieces of
   * work meet in the same order everywhere and never wait for each other.
   */
  static run<T>(all: readonly Exclusive[], work: () => Promise<T>): Promise<T> {
    const turn = Promise.all(all.map((exclusive) => exclusive.#last));
    const result = turn.then(work);
    const settled = result.catch(() => undefined);
    for (const exclusive of all) exclusive.#last = settled;
    return result;
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return Exclusive.run([this], work);
  }
}
