/**
 * Chooses a backend among those the caller brings: the first that can be made and meets the requirements. It says why,
 * and why not the others. Core knows no backend by itself.
 */

import { BackendUnavailableError, throwIfAborted } from '../errors/errors.ts';
import { InAttentionError } from '../errors/inattention-error.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Backend } from './backend.ts';

/** A backend that could be made. */
export interface BackendCandidate {
  readonly name: string;
  create(): Promise<Backend>;
}

export interface BackendRequirements {
  /** Bytes it must be able to hold in all. */
  readonly bytes?: number;
  /** A dtype its contexts must take. */
  readonly contextDType?: DType;
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

/**
 * Tries the candidates in order; unsuitable ones are disposed of. Throws BackendUnavailableError listing why each was
 * rejected.
 */
export async function selectBackend(
  candidates: readonly BackendCandidate[],
  requirements: BackendRequirements = {},
): Promise<BackendChoice> {
  const rejected: { name: string; reason: string }[] = [];
  for (const candidate of candidates) {
    throwIfAborted(requirements.signal, 'Choosing a backend');
    if (requirements.only !== undefined && candidate.name !== requirements.only) continue;
    const backend = await candidate.create().catch((error: unknown) => {
      rejected.push({ name: candidate.name, reason: messageOf(error) });
      return null;
    });
    if (backend === null) continue;
    const missing = whatIsMissing(backend, requirements);
    if (missing === null) return { backend, reason: reasonFor(candidate, rejected, requirements), rejected };
    rejected.push({ name: candidate.name, reason: missing });
    backend.dispose();
  }
  const names = candidates.map(({ name }) => name).join(', ');
  const tried = rejected.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  throw new BackendUnavailableError({
    what: 'No backend can be used here.',
    got: tried === '' ? `"${requirements.only ?? ''}" among ${names || 'no candidates'}` : tried,
    fix: requirements.only === undefined ? 'install a backend that fits this machine' : `choose one of ${names}`,
  });
}

function whatIsMissing(backend: Backend, { bytes, contextDType }: BackendRequirements): string | null {
  const { maxTotalBytes, contextDTypes } = backend.capabilities;
  if (bytes !== undefined && bytes > maxTotalBytes) return `it holds ${maxTotalBytes} bytes, ${bytes} are needed`;
  if (contextDType !== undefined && !contextDTypes.includes(contextDType))
    return `it keeps no ${contextDType} contexts`;
  return null;
}

function reasonFor(
  { name }: BackendCandidate,
  rejected: readonly { readonly name: string; readonly reason: string }[],
  { only }: BackendRequirements,
): string {
  if (only !== undefined) return `${name} was asked for`;
  if (rejected.length === 0) return `${name} is the first choice and works here`;
  return `${name} is the first that works here (${rejected.map((no) => `${no.name}: ${no.reason}`).join('; ')})`;
}

function messageOf(error: unknown): string {
  if (InAttentionError.isInstance(error)) return error.message;
  return error instanceof Error ? error.message : String(error);
}
