/** Pages that were read or computed lately, so that neighbours come for free and memory stays bounded. */

const mostPages = 256;

export class PageCache<Page> {
  readonly #pages = new Map<number, Page>();
  readonly #read: (number: number, signal?: AbortSignal) => Promise<Page>;

  constructor(read: (number: number, signal?: AbortSignal) => Promise<Page>) {
    this.#read = read;
  }

  /** A page; the one that was not asked for longest makes room. */
  async get(number: number, signal?: AbortSignal): Promise<Page> {
    const page = this.#pages.get(number) ?? (await this.#read(number, signal));
    this.#pages.delete(number);
    this.#pages.set(number, page);
    const [oldest] = this.#pages.keys();
    if (this.#pages.size > mostPages && oldest !== undefined) this.#pages.delete(oldest);
    return page;
  }
}
