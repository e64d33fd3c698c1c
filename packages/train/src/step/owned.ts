/** Things on a device that are made together and go together, or none of them when making one fails. */

interface Disposable {
  dispose(): void;
}

export class Owned {
  readonly #parts: Disposable[] = [];

  /** What `make` returns, with `dispose` for all that it gave to `owned`; when it throws, that is disposed of. */
  static collect<T extends object>(make: (owned: Owned) => T): T & Disposable {
    const owned = new Owned();
    try {
      return { ...make(owned), dispose: () => owned.#dispose() };
    } catch (error) {
      owned.#dispose();
      throw error;
    }
  }

  own<T extends Disposable>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  #dispose(): void {
    for (const part of this.#parts.splice(0)) part.dispose();
  }
}
