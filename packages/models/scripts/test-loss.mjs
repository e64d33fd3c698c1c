/** Losses of a model on the test set, as records state them and tests repeat them. */

import { documentsInMemory, evaluateBatch, packedExamples, tokenizeInMemory } from '@inattention/train';

/** Positions of the quick check. */
const checkLength = 256;

/** The loss of all tokens of documents, in texts of `contextLength` positions; documents that share one do not see each other. */
export async function testLoss(model, documents, contextLength, onText = (_done, _count) => {}) {
  const data = await tokenizeInMemory([documentsInMemory(documents)], { tokenizer: model.tokenizer });
  const examples = packedExamples(data, { length: contextLength });
  let [total, lossTerms] = [0, 0];
  for (let number = 0; number < examples.count; number += 1) {
    const part = await evaluateBatch(model, { texts: [await examples.read(number)] });
    total += part.loss * part.lossTerms;
    lossTerms += part.lossTerms;
    onText(number + 1, examples.count);
  }
  return { loss: total / lossTerms, lossTerms, contextLength };
}

/** The loss of the first ids of a document. */
export async function checkLoss(model, document) {
  const ids = model.tokenizer.encode(document).subarray(0, checkLength + 1);
  const batch = { texts: [{ tokens: ids, documentStarts: new Int32Array(0) }] };
  return { ...(await evaluateBatch(model, batch)), contextLength: ids.length - 1 };
}
