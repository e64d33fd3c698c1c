/**
 * A golden case: a small model, a text, and what an independent float64 implementation (PyTorch with autograd) made of
 * them. A folder of config.json, model.safetensors, case.json and expected.safetensors, wherever it is.
 *
 * Expected tensors are f32 roundings of float64 values, or as exact as `accuracy` says. Long cases have expectations at
 * their loss positions only.
 */

import { InvalidFileError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { type ByteSource, type ModelSource, openModelFiles, openSafetensors, parseTokens } from '@inattention/formats';

/** A tensor of a case. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

export interface GoldenCase {
  readonly name: string;
  readonly config: ModelConfig;
  /** Every parameter, by tensor name. */
  readonly weights: ReadonlyMap<string, GoldenTensor>;
  /** N+1 ids: position i reads tokens[0 … i] and predicts tokens[i + 1], for i < N. */
  readonly tokens: readonly number[];
  /** The positions of everything named …AtPositions. */
  readonly lossPositions: readonly number[];
  /** Largest error of the expectations, relative to the largest number of a tensor, where they are not of float64. */
  readonly accuracy?: number;
  /** Mean over all N positions, in nats. */
  readonly loss?: number;
  /** Mean over the loss positions, in nats. */
  readonly lossAtPositions: number;
  /** [N] */
  readonly nll?: readonly number[];
  /** One per loss position. */
  readonly nllAtPositions?: readonly number[];
  /** [N, V] */
  readonly logits?: GoldenTensor;
  /** [loss positions, V] */
  readonly logitsAtPositions?: GoldenTensor;
  /** Of `loss`, by tensor name: every parameter's, or none in a case without `loss`. */
  readonly gradients: ReadonlyMap<string, GoldenTensor>;
  /** Of `lossAtPositions`, by tensor name: every parameter's. */
  readonly gradientsAtPositions: ReadonlyMap<string, GoldenTensor>;
}

/** Reads a case from its folder. Throws InvalidFileError for what is missing or not a case. */
export async function readGoldenCase(name: string, folder: ModelSource): Promise<GoldenCase> {
  const { config, weights } = await openModelFiles(folder);
  const json = await readCaseFile(await openFile(folder, 'case.json'));
  const expected = await openSafetensors(await openFile(folder, 'expected.safetensors'));
  const tensors = await readTensors(expected);
  const { logits, logits_at_positions: logitsAtPositions } = Object.fromEntries(tensors);
  const loss = optional(json, 'loss', readNumber);
  const nll = optional(json, 'nll', readNumbers);
  const nllAtPositions = optional(json, 'nll_at_positions', readNumbers);
  const accuracy = optional(json, 'accuracy', readNumber);
  return {
    name,
    config,
    weights: await readTensors(weights),
    tokens: [...parseTokens(json, config.vocabSize)],
    lossPositions: readNumbers(json, 'loss_positions'),
    lossAtPositions: readNumber(json, 'loss_at_positions'),
    gradients: withPrefix(tensors, 'grad.'),
    gradientsAtPositions: withPrefix(tensors, 'grad_at_positions.'),
    ...(accuracy !== undefined && { accuracy }),
    ...(loss !== undefined && { loss }),
    ...(nll !== undefined && { nll }),
    ...(nllAtPositions !== undefined && { nllAtPositions }),
    ...(logits !== undefined && { logits }),
    ...(logitsAtPositions !== undefined && { logitsAtPositions }),
  };
}

/** The numbers of tensors by name, as the reference takes them. */
export function numbersOf(tensors: ReadonlyMap<string, GoldenTensor>): Map<string, Float32Array> {
  return new Map([...tensors].map(([name, { data }]) => [name, data]));
}

async function openFile(folder: ModelSource, file: string): Promise<ByteSource> {
  const source = await folder.open(file);
  if (source === null) {
    throw new InvalidFileError({
      what: `${folder.name} has no ${file}.`,
      expected: 'a golden case: config.json, model.safetensors, case.json and expected.safetensors',
    });
  }
  return source;
}

interface TensorFile {
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  read(name: string): Promise<Float32Array>;
}

async function readTensors(file: TensorFile): Promise<Map<string, GoldenTensor>> {
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, { shape }] of file.tensors) tensors.set(name, { shape, data: await file.read(name) });
  return tensors;
}

/** The tensors whose names start with `prefix`, without it. */
function withPrefix(tensors: ReadonlyMap<string, GoldenTensor>, prefix: string): Map<string, GoldenTensor> {
  const named = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(named.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** What case.json holds, by field. */
type CaseFile = Readonly<Record<string, unknown>>;

async function readCaseFile(source: ByteSource): Promise<CaseFile> {
  const text = new TextDecoder().decode(await source.read(0, source.size));
  const json = parse(text, source.name);
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return { ...json };
  throw new InvalidFileError({ what: `${source.name} is not a JSON object.` });
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidFileError({ what: `${name} is not valid JSON.`, cause });
  }
}

function optional<T>(json: CaseFile, field: string, read: (json: CaseFile, field: string) => T): T | undefined {
  return json[field] === undefined ? undefined : read(json, field);
}

function readNumber(json: CaseFile, field: string): number {
  const value = json[field];
  return typeof value === 'number' ? value : refuse(field, 'a number');
}

function readNumbers(json: CaseFile, field: string): readonly number[] {
  const value = json[field];
  const isList = (list: unknown): list is number[] => Array.isArray(list) && list.every((x) => typeof x === 'number');
  return isList(value) ? value : refuse(field, 'a list of numbers');
}

function refuse(field: string, expected: string): never {
  throw new InvalidFileError({ what: `case.json has an unusable "${field}".`, expected });
}
