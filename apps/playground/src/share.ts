/**
 * The state that is small, as a link or a file: texts, settings, and the name of a shipped model. In a link it is
 * compressed JSON in the part after "#", which no server is sent.
 */

import { InvalidFileError } from '@inattention/core';
import { contextModes } from '@inattention/core/math';
import {
  type ContextModeChoice,
  defaultSampling,
  type PlaygroundState,
  type SamplingSettings,
} from './playground-state.ts';

export interface Shared {
  readonly version: 1;
  /** A shipped model's name; null for one of the user's own. */
  readonly model: string | null;
  readonly mode: ContextModeChoice;
  readonly sampling: SamplingSettings;
  readonly parts: readonly { readonly name: string; readonly text: string }[];
}

/** Characters of a link beyond which programs begin to cut it. */
export const longestLink = 8000;

/** Text that a link or file may hold, in characters: more than the page can show. */
const longestText = 64 * 2 ** 20;

const prefix = '#shared=';

export function sharedState(
  { modelName, mode, sampling, parts }: PlaygroundState,
  shippedNames: readonly string[],
): Shared {
  return {
    version: 1,
    model: modelName !== null && shippedNames.includes(modelName) ? modelName : null,
    mode,
    sampling,
    parts: parts.map(({ name, text }) => ({ name, text })),
  };
}

/** The part of a link after its "#", "#" included. */
export async function sharedHash(shared: Shared): Promise<string> {
  const bytes = await through(new TextEncoder().encode(JSON.stringify(shared)), new CompressionStream('deflate-raw'));
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return prefix + btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** What a link's hash holds; null when it holds nothing of this kind. Throws InvalidFileError for damaged ones. */
export async function readShared(hash: string): Promise<Shared | null> {
  if (!hash.startsWith(prefix)) return null;
  let text: string;
  try {
    const binary = atob(hash.slice(prefix.length).replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    text = new TextDecoder('utf-8', { fatal: true }).decode(
      await through(bytes, new DecompressionStream('deflate-raw')),
    );
  } catch (cause) {
    throw new InvalidFileError({ what: 'The link is damaged.', fix: 'copy the whole link, or ask for a file', cause });
  }
  return parseShared(text);
}

/** What a file holds. Throws InvalidFileError. */
export function parseShared(text: string): Shared {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refused('it is no JSON', cause);
  }
  if (!isRecord(value) || value.version !== 1) throw refused('it has no version 1');
  const { parts, sampling, mode, model } = value;
  if (!Array.isArray(parts) || parts.length === 0 || !parts.every(isPart)) throw refused('it has no parts of text');
  if (!isRecord(sampling)) throw refused('it has no settings');
  const number = (name: keyof SamplingSettings): number => {
    const given = sampling[name] ?? defaultSampling[name];
    if (typeof given !== 'number' || !Number.isFinite(given)) throw refused(`the setting "${name}" is no number`);
    return given;
  };
  return {
    version: 1,
    model: typeof model === 'string' ? model : null,
    mode: contextModes.find((known) => known === mode) ?? 'auto',
    sampling: {
      temperature: number('temperature'),
      topK: number('topK'),
      topP: number('topP'),
      repetitionPenalty: number('repetitionPenalty'),
      seed: number('seed'),
      maxTokens: number('maxTokens'),
    },
    parts: parts.map(({ name, text: own }) => ({ name, text: own })),
  };
}

function isPart(value: unknown): value is { name: string; text: string } {
  return isRecord(value) && typeof value.name === 'string' && typeof value.text === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(got: string, cause?: unknown): InvalidFileError {
  return new InvalidFileError({
    what: 'This is not a playground’s state.',
    got,
    expected: 'a file or link made by Share',
    cause,
  });
}

/** Bytes through a stream; no more than a page can show come out of it. */
async function through(
  bytes: Uint8Array<ArrayBuffer>,
  stream: CompressionStream | DecompressionStream,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of new Blob([bytes]).stream().pipeThrough(stream)) {
    length += piece.length;
    if (length > longestText) throw new RangeError('too long');
    pieces.push(piece);
  }
  const joined = new Uint8Array(length);
  let place = 0;
  for (const piece of pieces) {
    joined.set(piece, place);
    place += piece.length;
  }
  return joined;
}
