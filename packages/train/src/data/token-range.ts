/** A stretch of token data as token data of its own: how a single long document is split into parts. */

import { Fingerprint } from '@inattention/formats';
import { checkSpan, type TokenData } from './token-data.ts';

/**
 * The tokens [start, end) of `data`, with the documents they are of; the first and the last may be cut.
 * @throws InvalidArgumentError for a range that is not there
 */
export async function tokenRange(
  data: TokenData,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<TokenData> {
  checkSpan(data.name, start, end, data.tokenCount);
  const isEmpty = start === end;
  const first = isEmpty ? 0 : (await data.documentAt(start, signal)).document;
  const documentCount = isEmpty ? 0 : (await data.documentAt(end - 1, signal)).document + 1 - first;
  const name = `${data.name} (tokens ${start} to ${end})`;
  const tokenCount = end - start;
  return {
    name,
    tokenCount,
    documentCount,
    vocabSize: data.vocabSize,
    fingerprint: new Fingerprint().addText(JSON.stringify([data.fingerprint, start, end])).toString(),
    tokenizerFingerprint: data.tokenizerFingerprint,
    async readTokens(from, to, readSignal) {
      checkSpan(name, from, to, tokenCount);
      return data.readTokens(start + from, start + to, readSignal);
    },
    async readDocumentEnds(from, to, readSignal) {
      checkSpan(name, from, to, documentCount);
      const ends = await data.readDocumentEnds(first + from, first + to, readSignal);
      return ends.map((place) => Math.min(place, end) - start);
    },
    async documentAt(token, readSignal) {
      checkSpan(name, token, token + 1, tokenCount);
      const span = await data.documentAt(start + token, readSignal);
      return {
        document: span.document - first,
        start: Math.max(span.start, start) - start,
        end: Math.min(span.end, end) - start,
      };
    },
  };
}
