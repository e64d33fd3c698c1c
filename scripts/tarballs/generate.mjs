// What a user does first: make a backend and a model, read a prompt, generate. The same in Node and in a page.
import { createByteTokenizer } from '@inattention/formats';
import { createModel, generate } from '@inattention/model';
import { createBackend } from './backend.mjs';

const config = {
  modelType: 'inattention',
  vocabSize: 256,
  hiddenSize: 32,
  intermediateSize: 64,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  maxPositionEmbeddings: 1024,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  tieWordEmbeddings: true,
  initialStateWindow: 3,
  positionEmbeddingType: 'rope',
  attentionTypes: ['inattention', 'inattention'],
  eosTokenIds: [],
};

/** Ids generated after a prompt by a model with random weights, as text (the same everywhere), and what computed them. */
export async function generateText() {
  const backend = await createBackend();
  const { device } = backend.info;
  const model = createModel(config, backend, { seed: 7, tokenizer: createByteTokenizer() });
  const session = model.createSession({ context: 'tables' });
  await session.append('Call me Ishmael.');
  const tokens = [];
  for await (const { token } of generate(session, { maxTokens: 12 })) tokens.push(token);
  model.dispose();
  backend.dispose();
  if (tokens.length !== 12) throw new Error(`12 tokens were asked for, ${tokens.length} came`);
  return { text: tokens.join(' '), device };
}
