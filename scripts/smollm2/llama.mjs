// llama.cpp through node-llama-cpp's prebuilt binary for Linux, installed into the cache and not into the workspace: its
// package brings 700 MB of variants, of which one is needed. Nothing is compiled and no install script runs.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheFolder } from './fetch.mjs';

const version = '3.22.1';

/** node-llama-cpp as a module, and llama.cpp on the CPU. */
export async function openLlama() {
  const folder = join(cacheFolder, `node-llama-cpp-${version}`);
  const entry = join(folder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
  if (!existsSync(entry)) {
    await mkdir(folder, { recursive: true });
    const packages = [`node-llama-cpp@${version}`, `@node-llama-cpp/linux-${process.arch}@${version}`];
    const args = ['install', '--prefix', folder, '--ignore-scripts', '--omit=optional', '--no-audit', ...packages];
    const { status } = spawnSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) throw new Error('node-llama-cpp could not be installed');
  }
  const module = await import(pathToFileURL(entry).href);
  return module.getLlama({ gpu: false, build: 'never', logLevel: module.LlamaLogLevel.error });
}

/** The likeliest next token after each of `tokens`, forced: [position] -> id. */
export async function forcedChoices(llama, path, tokens) {
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({ contextSize: tokens.length + 8, threads: 2 });
  const sequence = context.getSequence();
  const next = { generateNext: { token: true, options: { temperature: 0 } } };
  const results = await sequence.controlledEvaluate([...tokens].map((token) => [token, next]));
  await context.dispose();
  await model.dispose();
  return results.map((result) => result?.next.token);
}

/** llama.cpp's own ids of a text, special tokens recognised. */
export async function llamaTokens(llama, path, text) {
  const model = await llama.loadModel({ modelPath: path, vocabOnly: true });
  const tokens = model.tokenize(text, true);
  await model.dispose();
  return [...tokens];
}

/** Decodes greedily on one thread after `prompt`; what follows, and milliseconds of each token. */
export async function timedDecode(llama, path, prompt, count) {
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({ contextSize: 512, threads: 1 });
  const sequence = context.getSequence();
  const tokens = [];
  const times = [];
  let last = performance.now();
  for await (const token of sequence.evaluate([...prompt], { temperature: 0 })) {
    const now = performance.now();
    times.push(now - last);
    last = now;
    tokens.push(token);
    if (tokens.length > count) break;
  }
  await context.dispose();
  await model.dispose();
  return { tokens, times: times.slice(1) }; // the first holds the prompt
}
