/**
 * Chooses a backend among those the caller brings: the first that can be made and meets the requirements. It says why,
 * and why not the others. Core knows no backend by itself.
 */

import { BackendUnavailableError, throwIfAborted } from '../errors/errors.ts';
import { InAttentionError } from '../errors/inattention-error.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Backend } from './backend.ts';
import type { FusedOperations } from './fused.ts';

/** A backend that could be made. */
export interface BackendCandidate {
  readonly name: string;
  create(): Promise<Backend>;
}

export interface BackendRequirements {
  /** Bytes it must be able to hold in all. They are reserved, so that a backend which cannot know its memory answers. */
  readonly bytes?: number;
  /** A dtype its contexts must take. */
  readonly contextDType?: DType;
  /** A dtype its weights must take. */
  readonly weightDType?: DType;
  /** Operations it must have fused. */
  readonly fused?: readonly (keyof FusedOperations)[];
  /** Only the candidate of this name. */
  readonly only?: string;
  readonly signal?: AbortSignal;
}

export interface BackendChoice {
  readonly backend: Backend;
  /** One sentence: why this one. */
  readonly reason: string;
  readonly rejected: readonly { readonly name: string; readonly reason: string }[];
}

interface Rejection {
  readonly name: string;
  readonly reason: string;
  /** For the sentence that says why another was chosen. */
  readonly brief: string;
}

/**
 * Tries the candidates in order; unsuitable ones are disposed of. Throws BackendUnavailableError listing why each was
 * rejected, and AbortedError (with nothing left behind) when the signal is.
 */
export async function selectBackend(
  candidates: readonly BackendCandidate[],
  requirements: BackendRequirements = {},
): Promise<BackendChoice> {
  const { only, signal } = requirements;
  const rejected: Rejection[] = [];
  const causes: unknown[] = [];
  for (const candidate of candidates) {
    if (only !== undefined && candidate.name !== only) continue;
    throwIfAborted(signal, 'Choosing a backend');
    let backend: Backend | null = null;
    let suits = false;
    try {
      backend = await candidate.create();
      const missing = await whatIsMissing(backend, requirements);
      suits = missing === null && signal?.aborted !== true;
      if (missing !== null) rejected.push({ name: candidate.name, reason: missing, brief: missing });
    } catch (error) {
      causes.push(error);
      rejected.push({ name: candidate.name, reason: messageOf(error), brief: briefOf(error) });
    } finally {
      if (!suits) backend?.dispose();
    }
    throwIfAborted(signal, 'Choosing a backend');
    if (backend !== null && suits) {
      const told = rejected.map(({ name, reason }) => ({ name, reason }));
      return { backend, reason: reasonFor(candidate, rejected, requirements), rejected: told };
    }
  }
  const names = candidates.map(({ name }) => name).join(', ');
  const tried = rejected.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  throw new BackendUnavailableError({
    what: 'No backend can be used here.',
    got: tried === '' ? `"${only ?? ''}" among ${names || 'no candidates'}` : tried,
    fix: only === undefined ? 'install a backend that fits this machine' : `choose one of ${names}`,
    ...(causes.length > 0 && { cause: causes.length === 1 ? causes[0] : causes }),
  });
}

/** What the backend lacks of the requirements, in words; null when it meets them. */
async function whatIsMissing(
  backend: Backend,
  { bytes = 0, contextDType, weightDType, fused = [] }: BackendRequirements,
): Promise<string | null> {
  const { maxTotalBytes, contextDTypes, weightDTypes } = backend.capabilities;
  const version: string = backend.specificationVersion;
  if (version !== 'v1') return `it implements version ${version} of the Backend contract, v1 is needed`;
  if (bytes > maxTotalBytes) return `it holds ${maxTotalBytes} bytes, ${bytes} are needed`;
  if (contextDType !== undefined && !contextDTypes.includes(contextDType))
    return `it keeps no ${contextDType} contexts`;
  if (weightDType !== undefined && !weightDTypes.includes(weightDType)) return `it takes no ${weightDType} weights`;
  const absent = fused.filter((name) => backend.fused[name] === undefined);
  if (absent.length > 0) return `it has no fused ${absent.join(', ')}`;
  if (bytes > 0) await backend.reserve(bytes);
  return null;
}

function reasonFor({ name }: BackendCandidate, rejected: readonly Rejection[], { only }: BackendRequirements): string {
  if (only !== undefined) return `${name} was asked for`;
  if (rejected.length === 0) return `${name} is the first choice and works here`;
  return `${name} is the first that works here (${rejected.map((no) => `${no.name}: ${no.brief}`).join('; ')})`;
}

/** What went wrong, without what to do about it: something else was chosen. */
function briefOf(error: unknown): string {
  return InAttentionError.isInstance(error) ? error.what : messageOf(error);
}

function messageOf(error: unknown): string {
  if (InAttentionError.isInstance(error)) return error.message;
  return error instanceof Error ? error.message : String(error);
}
