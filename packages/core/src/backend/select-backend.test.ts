import { describe, expect, it } from 'vitest';
import { AbortedError, BackendUnavailableError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import type { Backend } from './backend.ts';
import { type BackendCandidate, selectBackend } from './select-backend.ts';

/** A candidate that counts what it made and what was disposed of. */
function candidate(name: string, change: (host: Backend) => Partial<Backend> = () => ({}), maxBytes = 1 << 20) {
  const counts = { made: 0, disposed: 0 };
  const create = async (): Promise<Backend> => {
    counts.made += 1;
    const host = createHostBackend({ maxBytes });
    const dispose = () => {
      counts.disposed += 1;
      host.dispose();
    };
    return { ...host, name, dispose, ...change(host) };
  };
  return { name, create, counts };
}

const broken = (name: string, error: unknown): BackendCandidate => ({ name, create: () => Promise.reject(error) });
const missing = new BackendUnavailableError({ what: 'There is no adapter.' });

describe('selectBackend', () => {
  it('takes the first that works and tries no other', async () => {
    const [first, second] = [candidate('first'), candidate('second')];
    const choice = await selectBackend([first, second]);
    expect(choice.backend.name).toBe('first');
    expect(choice.rejected).toEqual([]);
    expect(choice.reason).toContain('first');
    expect([first.counts, second.counts]).toEqual([
      { made: 1, disposed: 0 },
      { made: 0, disposed: 0 },
    ]);
  });

  it('says why it passed over those before', async () => {
    const choice = await selectBackend([
      broken('webgpu', missing),
      {
        name: 'cuda',
        create: () => {
          throw new TypeError('not a promise');
        },
      },
      candidate('cpu'),
    ]);
    expect(choice.backend.name).toBe('cpu');
    expect(choice.rejected).toEqual([
      { name: 'webgpu', reason: 'There is no adapter.' },
      { name: 'cuda', reason: 'not a promise' },
    ]);
    expect(choice.reason).toContain('There is no adapter.');
  });

  it.each([
    ['bytes beyond its limit', { bytes: 2 ** 21 }, () => ({}), /holds 1048576 bytes, 2097152 are needed/],
    [
      'bytes it cannot reserve',
      { bytes: 2 ** 21 },
      ({ capabilities }: Backend) => ({
        capabilities: { ...capabilities, maxTotalBytes: Number.POSITIVE_INFINITY },
      }),
      /out of memory.*2097152/,
    ],
    [
      'a context dtype',
      { contextDType: 'f16' as const },
      ({ capabilities }: Backend) => ({ capabilities: { ...capabilities, contextDTypes: ['f32' as const] } }),
      /keeps no f16 contexts/,
    ],
    [
      'a weight dtype',
      { weightDType: 'i8' as const },
      ({ capabilities }: Backend) => ({ capabilities: { ...capabilities, weightDTypes: ['f32' as const] } }),
      /takes no i8 weights/,
    ],
    ['a fused operation', { fused: ['attend' as const, 'rope' as const] }, () => ({}), /no fused attend, rope/],
  ])('passes over a backend that lacks %s, and disposes of it', async (_, requirements, change, reason) => {
    const unsuitable = candidate('unsuitable', change);
    const suitable = candidate('suitable', () => ({ fused: { attend: () => {}, rope: () => {} } }), 2 ** 22);
    const choice = await selectBackend([unsuitable, suitable], requirements);
    expect(choice.backend.name).toBe('suitable');
    expect(choice.rejected[0]?.reason).toMatch(reason);
    expect(unsuitable.counts).toEqual({ made: 1, disposed: 1 });
    expect(suitable.counts).toEqual({ made: 1, disposed: 0 });
  });

  it('makes only the one that is named', async () => {
    const [first, second] = [candidate('first'), candidate('second')];
    const choice = await selectBackend([first, second], { only: 'second' });
    expect(choice.backend.name).toBe('second');
    expect(first.counts.made).toBe(0);
    expect(choice.reason).toContain('asked for');
  });

  it('lists every rejection when none fits, with the causes', async () => {
    const small = candidate('small', undefined, 64);
    const failure = selectBackend([broken('webgpu', missing), small], { bytes: 1000 });
    await expect(failure).rejects.toThrow(BackendUnavailableError);
    await expect(failure).rejects.toThrow(/webgpu: There is no adapter\.; small: it holds 64 bytes, 1000 are needed/);
    await expect(failure).rejects.toMatchObject({ cause: missing });
    expect(small.counts.disposed).toBe(1);
  });

  it.each([
    [[candidate('cpu')], 'cuda', /"cuda" among cpu.*choose one of cpu/],
    [[], undefined, /no candidates/],
  ])('names what there is when nothing could be tried', async (candidates, only, message) => {
    await expect(selectBackend(candidates, only === undefined ? {} : { only })).rejects.toThrow(message);
  });

  it('stops when it is cancelled, and disposes of what was being made', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const slow = candidate('slow', () => {
      controller.abort();
      return {};
    });
    const next = candidate('next');
    await expect(selectBackend([slow, next], { signal })).rejects.toThrow(AbortedError);
    expect(slow.counts).toEqual({ made: 1, disposed: 1 });
    expect(next.counts.made).toBe(0);
  });
});
