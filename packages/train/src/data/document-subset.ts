/** Some documents of token data, as token data of their own: packed anew, read from where they are. */

import { Fingerprint } from '@inattention/formats';
import { checkSpan, type DocumentSpan, type TokenData } from './token-data.ts';
import { WeightedDocuments } from './weighted-documents.ts';

export interface SubsetOptions {
  /** For messages, and part of the fingerprint: which documents these are. */
  readonly name: string;
  /** Whether a document, of `length` tokens, belongs to it; the same at each call. */
  readonly keep: (document: number, length: number) => boolean;
  readonly signal?: AbortSignal;
}

/** The documents that `keep` takes, in their order; possibly none. Goes through all documents' ends, not their tokens. */
export async function subsetOfDocuments(data: TokenData, { name, keep, signal }: SubsetOptions): Promise<TokenData> {
  const tokens = await WeightedDocuments.of(data, (document, length) => (keep(document, length) ? length : 0), signal);
  const documents = await WeightedDocuments.of(data, (document, length) => (keep(document, length) ? 1 : 0), signal);
  return new DocumentSubset(data, name, tokens, documents);
}

class DocumentSubset implements TokenData {
  readonly name: string;
  readonly tokenCount: number;
  readonly documentCount: number;
  readonly vocabSize: number;
  readonly fingerprint: string;
  readonly tokenizerFingerprint: string;
  readonly #data: TokenData;
  readonly #tokens: WeightedDocuments;
  readonly #documents: WeightedDocuments;

  constructor(data: TokenData, name: string, tokens: WeightedDocuments, documents: WeightedDocuments) {
    this.name = `${data.name} (${name})`;
    this.tokenCount = tokens.total;
    this.documentCount = documents.total;
    this.vocabSize = data.vocabSize;
    this.tokenizerFingerprint = data.tokenizerFingerprint;
    const identity = [data.fingerprint, name, tokens.total, documents.total];
    this.fingerprint = new Fingerprint().addText(JSON.stringify(identity)).toString();
    this.#data = data;
    this.#tokens = tokens;
    this.#documents = documents;
  }

  async readTokens(start: number, end: number, signal?: AbortSignal): Promise<Int32Array> {
    checkSpan(this.name, start, end, this.tokenCount);
    const tokens = new Int32Array(end - start);
    // Documents that follow each other in the data, too, are read at once.
    let run = { at: 0, from: 0, to: 0 };
    const readRun = async () => {
      if (run.from < run.to) tokens.set(await this.#data.readTokens(run.from, run.to, signal), run.at);
    };
    for (let at = start; at < end; ) {
      const document = await this.#tokens.locate(at, signal);
      const from = document.start + at - document.before;
      const to = Math.min(document.end, from + end - at);
      if (from !== run.to) {
        await readRun();
        run = { at: at - start, from, to };
      } else run.to = to;
      at += to - from;
    }
    await readRun();
    return tokens;
  }

  async readDocumentEnds(first: number, last: number, signal?: AbortSignal): Promise<Float64Array> {
    checkSpan(this.name, first, last, this.documentCount);
    const ends = new Float64Array(last - first);
    for (let number = first; number < last; number += 1) {
      const { document, start, end } = await this.#documents.locate(number, signal);
      ends[number - first] = (await this.#tokens.before(document, signal)) + end - start;
    }
    return ends;
  }

  async documentAt(token: number, signal?: AbortSignal): Promise<DocumentSpan> {
    checkSpan(this.name, token, token + 1, this.tokenCount);
    const { document, start, end, before } = await this.#tokens.locate(token, signal);
    return { document: await this.#documents.before(document, signal), start: before, end: before + end - start };
  }
}
