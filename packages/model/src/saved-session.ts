/**
 * A saved session: its ids, what they belong to, and, if asked, the sampler's state. A few bytes per token; restoring
 * it computes again what the context mode keeps.
 *
 * As bytes: the magic "INATSES1", the length of a JSON header (u32), the header, padding to 4, then the ids (i32,
 * little endian).
 */

import { InAttentionError, InvalidFileError } from '@inattention/core';
import { type ContextDType, type ContextMode, contextModes } from '@inattention/core/math';
import { Sampler, type SamplerState } from './sampling/sampler.ts';

export interface SavedSession {
  readonly version: 1;
  /** Fingerprint of the model's configuration and weights. */
  readonly model: string;
  /** Fingerprint of the tokenizer; null without one. */
  readonly tokenizer: string | null;
  readonly mode: ContextMode;
  readonly dtype: ContextDType;
  readonly ids: Int32Array;
  readonly sampler?: SamplerState;
}

const magic = 'INATSES1';
const maxHeaderBytes = 65_536;

/** The bytes of a saved session. */
export function serializeSession(session: SavedSession): Uint8Array {
  const { ids, ...fields } = session;
  const header = new TextEncoder().encode(JSON.stringify({ ...fields, count: ids.length }));
  const idsStart = Math.ceil((magic.length + 4 + header.length) / 4) * 4;
  const bytes = new Uint8Array(idsStart + ids.length * 4);
  bytes.set(new TextEncoder().encode(magic));
  const view = new DataView(bytes.buffer);
  view.setUint32(magic.length, header.length, true);
  bytes.set(header, magic.length + 4);
  ids.forEach((id, index) => {
    view.setInt32(idsStart + index * 4, id, true);
  });
  return bytes;
}

/** The session in `bytes`. Throws InvalidFileError; whether it fits a model is checked when it is restored. */
export function parseSession(bytes: Uint8Array): SavedSession {
  const refuse = (got: string): never => {
    throw new InvalidFileError({
      what: 'This is not a saved session.',
      got,
      expected: 'bytes written by serializeSession',
    });
  };
  const start = magic.length + 4;
  if (bytes.length < start || new TextDecoder().decode(bytes.subarray(0, magic.length)) !== magic) {
    return refuse('another kind of file');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const headerLength = view.getUint32(magic.length, true);
  if (headerLength > maxHeaderBytes || start + headerLength > bytes.length)
    return refuse('an impossible header length');
  const header = parseHeader(bytes.subarray(start, start + headerLength)) ?? refuse('a damaged header');
  const idsStart = Math.ceil((start + headerLength) / 4) * 4;
  if (bytes.length !== idsStart + header.count * 4) return refuse(`${bytes.length} bytes for ${header.count} ids`);
  const ids = Int32Array.from({ length: header.count }, (_, index) => view.getInt32(idsStart + index * 4, true));
  const { count: _, ...fields } = header;
  return { ...fields, ids };
}

type Header = Omit<SavedSession, 'ids'> & { readonly count: number };

/** The header, or null when anything about it is wrong. */
function parseHeader(bytes: Uint8Array): Header | null {
  const json = parseObject(bytes);
  if (json === null) return null;
  const { version, model, tokenizer, mode, dtype, count, sampler } = json;
  const knownMode = contextModes.find((known) => known === mode);
  if (version !== 1 || typeof model !== 'string' || knownMode === undefined) return null;
  if (tokenizer !== null && typeof tokenizer !== 'string') return null;
  if (dtype !== 'f32' && dtype !== 'f16') return null;
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) return null;
  const fields = { version: 1, model, tokenizer, mode: knownMode, dtype, count } as const;
  if (sampler === undefined) return fields;
  return isSamplerState(sampler) && canRestore(sampler) ? { ...fields, sampler } : null;
}

function parseObject(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof json === 'object' && json !== null ? { ...json } : null;
  } catch {
    return null;
  }
}

const optionNames = ['temperature', 'topK', 'topP', 'minP', 'repetitionPenalty', 'repetitionWindow', 'seed'];

function isSamplerState(value: unknown): value is SamplerState {
  if (typeof value !== 'object' || value === null || !('options' in value) || !('random' in value)) return false;
  const { options, random } = value;
  if (typeof options !== 'object' || options === null || !Array.isArray(random)) return false;
  const numbers = new Map<string, unknown>(Object.entries(options));
  return (
    random.length === 4 &&
    random.every((word) => Number.isInteger(word)) &&
    numbers.size === optionNames.length &&
    optionNames.every((name) => Number.isFinite(numbers.get(name)))
  );
}

/** Whether a sampler can go on from `state`: its options are in range, its random state is one. */
function canRestore(state: SamplerState): boolean {
  try {
    Sampler.restore(state);
    return true;
  } catch (error) {
    if (InAttentionError.isInstance(error)) return false;
    throw error;
  }
}
