/**
 * Finds documents by a running sum over them: the one that holds the n-th window, or the n-th token of those that are kept.
 * In memory are one sum per page of documents and the pages used lately; weights are computed again when they are needed.
 */

import { throwIfAborted } from '@inattention/core';
import { PageCache } from './page-cache.ts';
import { type DocumentSpan, firstAbove, type TokenData } from './token-data.ts';

const pageDocuments = 1024;

/** What a document counts: a whole number from 0, the same at each call. `length` in tokens. */
export type DocumentWeight = (document: number, length: number) => number;

interface Page {
  /** Where the first document begins, and where each ends. */
  readonly start: number;
  readonly ends: Float64Array;
  /** Weight of all documents up to and with each one. */
  readonly sums: Float64Array;
}

export class WeightedDocuments {
  readonly #data: TokenData;
  readonly #weight: DocumentWeight;
  /** Weight of all documents up to the end of each page, and where the page ends. */
  readonly #pageSums: number[] = [];
  readonly #pageEnds: number[] = [];
  readonly #pages = new PageCache<Page>((number, signal) => this.#readPage(number, signal));

  private constructor(data: TokenData, weight: DocumentWeight) {
    this.#data = data;
    this.#weight = weight;
  }

  /** Goes through all documents once. */
  static async of(data: TokenData, weight: DocumentWeight, signal?: AbortSignal): Promise<WeightedDocuments> {
    const documents = new WeightedDocuments(data, weight);
    for (let number = 0; number * pageDocuments < data.documentCount; number += 1) {
      throwIfAborted(signal, `Going through ${data.name}`);
      const { ends, sums } = await documents.#readPage(number, signal);
      documents.#pageSums.push(sums.at(-1) as number);
      documents.#pageEnds.push(ends.at(-1) as number);
    }
    return documents;
  }

  /** Weight of all documents. */
  get total(): number {
    return this.#pageSums.at(-1) ?? 0;
  }

  /**
   * The document that holds a unit of weight, and the weight of all before it.
   * @param unit in [0, total)
   */
  async locate(unit: number, signal?: AbortSignal): Promise<DocumentSpan & { readonly before: number }> {
    const number = firstAbove(this.#pageSums, unit);
    const { start, ends, sums } = await this.#pages.get(number, signal);
    const index = firstAbove(sums, unit);
    return {
      document: number * pageDocuments + index,
      start: index === 0 ? start : (ends[index - 1] as number),
      end: ends[index] as number,
      before: index === 0 ? this.#sumBefore(number) : (sums[index - 1] as number),
    };
  }

  /** Weight of all documents before one. */
  async before(document: number, signal?: AbortSignal): Promise<number> {
    const number = Math.floor(document / pageDocuments);
    const index = document % pageDocuments;
    if (index === 0) return this.#sumBefore(number);
    return (await this.#pages.get(number, signal)).sums[index - 1] as number;
  }

  #sumBefore(page: number): number {
    return page === 0 ? 0 : (this.#pageSums[page - 1] as number);
  }

  async #readPage(number: number, signal?: AbortSignal): Promise<Page> {
    const first = number * pageDocuments;
    const last = Math.min(first + pageDocuments, this.#data.documentCount);
    const ends = await this.#data.readDocumentEnds(first, last, signal);
    const start = number === 0 ? 0 : (this.#pageEnds[number - 1] as number);
    let sum = this.#sumBefore(number);
    const sums = ends.map((end, index) => {
      sum += this.#weight(first + index, end - (index === 0 ? start : (ends[index - 1] as number)));
      return sum;
    });
    return { start, ends, sums };
  }
}
