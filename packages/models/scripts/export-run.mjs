/**
 * A finished run of `inattention train` as a shipped model: weights in f16, configuration, tokenizer, and the record of how
 * it was made, with losses on the test set as the f16 weights give them.
 */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { InvalidFileError } from '@inattention/core';
import { parameterCount } from '@inattention/core/math';
import { createCpuBackend } from '@inattention/cpu';
import { openModelFiles } from '@inattention/formats';
import { openDirectory } from '@inattention/formats/node';
import { loadModel } from '@inattention/model';
import { writeModelFolder } from '@inattention/train/node';
import { condense, parseMetrics, rounded } from './condense.mjs';
import { trainCommand } from './recipes.mjs';
import { checkLoss, testLoss } from './test-loss.mjs';
import { readDocuments, textSources, toJsonl } from './texts.mjs';

const fileNames = ['config.json', 'model.safetensors', 'tokenizer.json'];

/** Settings that do not change the model that comes out. */
const incidental = ['evaluateEvery', 'evaluateBatches', 'checkpointEvery', 'keep'];
/** Settings of new models, which a run that begins from a model does not use. */
const ofNewModels = ['layers', 'hiddenSize', 'heads', 'kvHeads', 'intermediateSize', 'window', 'attention'].concat([
  'positionEmbedding',
  'tokenizer',
  'vocabSize',
]);

/**
 * Writes the model of a run into `out` and returns what `shipped/NAME.ts` says of it, all but the files' URLs. Throws
 * InvalidFileError for a run that is not finished.
 */
export async function exportRun({
  name,
  description,
  run,
  out,
  documents = readDocuments(),
  machine = thisMachine(),
  onText = (_done, _count) => {},
}) {
  const settings = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'));
  const lines = parseMetrics(readFileSync(join(run, 'metrics.jsonl'), 'utf8'));
  if (lines.length !== settings.steps) {
    throw new InvalidFileError({
      what: `The run in ${run} is not finished.`,
      got: `${lines.length} steps`,
      expected: `${settings.steps}`,
      fix: 'go on with it: inattention train --resume',
    });
  }
  const { config, weights } = await openModelFiles(await openDirectory(run));
  const kept = new Map();
  for (const [tensor, { shape }] of weights.tensors) kept.set(tensor, { shape, read: () => weights.read(tensor) });
  const files = new Map([['tokenizer.json', readFileSync(join(run, 'tokenizer.json'))]]);
  await writeModelFolder(out, { config, weights: kept }, { dtype: 'F16', files });
  const decided = decidingSettings(settings);
  const { contextLength } = settings;
  const record = {
    command: trainCommand(name, decided),
    settings: decided,
    seed: settings.seed,
    steps: settings.steps,
    ...condense(lines),
    machine,
    texts: textSources,
    textChecksums: {
      'train.jsonl': sha256(toJsonl(documents.train)),
      'test.jsonl': sha256(toJsonl(documents.test)),
    },
    ...(await measure(out, documents.test, contextLength, onText)),
  };
  const model = {
    name,
    description,
    parameters: parameterCount(config),
    contextLength,
    attention: config.attentionTypes[0],
    dtype: 'F16',
    licence: 'MIT',
    checksums: Object.fromEntries(fileNames.map((file) => [file, sha256(readFileSync(join(out, file)))])),
    sizes: Object.fromEntries(fileNames.map((file) => [file, readFileSync(join(out, file)).length])),
    record,
  };
  writeFileSync(join(out, 'record.json'), `${JSON.stringify(model, null, 2)}\n`);
  return model;
}

async function measure(folder, documents, contextLength, onText) {
  const backend = await createCpuBackend();
  try {
    const model = await loadModel(await openDirectory(folder), backend, { weightDType: 'f32' });
    const check = await checkLoss(model, documents[0]);
    const whole = await testLoss(model, documents, contextLength, onText);
    model.dispose();
    return { testLoss: { ...whole, loss: rounded(whole.loss) }, check: { ...check, loss: rounded(check.loss) } };
  } finally {
    backend.dispose();
  }
}

/** What decides a run, with files by the names that its command gives them. */
function decidingSettings(settings) {
  const unused = settings.from === undefined ? incidental : [...incidental, ...ofNewModels];
  const kept = Object.entries(settings).filter(([name]) => !unused.includes(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, placeless(name, value)]));
}

function placeless(name, value) {
  if (name === 'data') return value.map((path) => basename(path)).join(' ');
  if (name === 'from') return basename(value);
  return name === 'tokenizer' && value !== 'bytes' ? join(basename(dirname(value)), basename(value)) : value;
}

function thisMachine() {
  return `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores`;
}

function sha256(content) {
  return createHash('sha256').update(content).digest('hex');
}
