/** Token files in memory, for tests: the bytes that `prepareTokens` writes for the same documents. */

import { Fingerprint } from '@inattention/formats';
import { bytesPerTokenOf, encodeHeader, endBytes, headerBytes, tokenBytes } from '../src/data/token-file-header.ts';

export function encodeTokens(documents: readonly (readonly number[])[], vocabSize: number): Uint8Array<ArrayBuffer> {
  const ids = documents.flat();
  const shape = { bytesPerToken: bytesPerTokenOf(vocabSize), tokenCount: ids.length, documentCount: documents.length };
  const idBytes = tokenBytes(shape);
  const bytes = new Uint8Array(headerBytes + idBytes + documents.length * endBytes);
  const view = new DataView(bytes.buffer);
  ids.forEach((id, i) => {
    if (shape.bytesPerToken === 2) view.setUint16(headerBytes + 2 * i, id, true);
    else view.setUint32(headerBytes + 4 * i, id, true);
  });
  let end = 0;
  documents.forEach(({ length }, i) => {
    end += length;
    view.setBigUint64(headerBytes + idBytes + endBytes * i, BigInt(end), true);
  });
  const sum = new Fingerprint().add(bytes.subarray(headerBytes));
  bytes.set(encodeHeader({ ...shape, vocabSize, tokenizerFingerprint: '' }, sum));
  return bytes;
}
