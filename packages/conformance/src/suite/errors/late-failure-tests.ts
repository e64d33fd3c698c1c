/**
 * Allocations that fail late: a device may accept one and report its failure at the next border (`reserve`, `sync`,
 * `read`). The work that awaited the border fails by name, and the session is as before.
 */

import { InAttentionError, OutOfMemoryError } from '@inattention/core';
import { type ContextMode, contextModes, type ModelConfig } from '@inattention/core/math';
import { expectSame, expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { expectFresh } from '../contexts/session-checks.ts';
import { randomIds, smallModel } from '../small-models.ts';
import { wrapBackend } from './wrapped-backend.ts';

type Border = 'reserve' | 'sync' | 'read';

export function lateFailureTests(group: Group): void {
  group.describe('failures reported late', () => {
    for (const [name, config] of group.smallModels) {
      for (const mode of contextModes) group.test(`${name}: ${mode}`, (trial) => checkLate(trial, config, mode));
    }
  });
}

async function checkLate(trial: Trial, config: ModelConfig, mode: ContextMode): Promise<void> {
  const { backend, failAt, disarm } = lateBackend(trial);
  using model = smallModel(backend, config);
  const ids = randomIds(300, config.vocabSize, 17);
  const more = randomIds(400, config.vocabSize, 18);
  using session = model.createSession({ context: mode });
  await session.append(ids);
  await session.nextLogits();
  const works: readonly (readonly [what: string, borders: readonly Border[], work: () => Promise<unknown>])[] = [
    ['append', ['reserve', 'sync'], () => session.append(more)],
    ['replace', ['reserve', 'sync'], () => session.replace(20, 3, more)],
    ['remove', ['reserve', 'sync'], () => session.remove(20, 30)],
    ['fork', ['sync'], async () => (await session.fork()).dispose()],
    ['logits', ['read'], () => session.nextLogits()],
    ['losses', ['read'], () => session.lossAt([2, 5], [1, 2])],
    ['weights', ['read'], () => session.attentionWeights(0)],
  ];
  for (const [what, borders, work] of works) {
    for (const border of borders) {
      const before = backend.ledger.snapshot();
      failAt(border);
      const error = await work().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expectThat(disarm(), `${what} never awaited ${border}.`);
      const name = `${what}, failing at ${border}`;
      expectThat(InAttentionError.isInstance(error, 'OUT_OF_MEMORY'), `${name}: ${String(error)}`);
      const { live, host } = backend.ledger.snapshot();
      expectSame(live.context, before.live.context, `context bytes after ${name}`);
      expectSame(live.activations, before.live.activations, `activations after ${name}`);
      expectSame(host, before.host, `host bytes after ${name}`);
      await expectFresh(trial, session, ids, `after ${name}`);
    }
  }
}

/** A backend whose next visit to a border can be made to fail. */
function lateBackend({ backend: inner }: Trial) {
  let armed: Border | null = null;
  let failed = false;
  const visit = (border: Border) => {
    if (armed !== border) return;
    armed = null;
    failed = true;
    throw new OutOfMemoryError({ what: 'An allocation failed late.', requestedBytes: 0, availableBytes: 0 });
  };
  return {
    backend: wrapBackend(inner, {
      async reserve(bytes) {
        visit('reserve');
        await inner.reserve(bytes);
      },
      async sync() {
        visit('sync');
        await inner.sync();
      },
      ...(inner.settle !== undefined && {
        async settle() {
          visit('sync');
          await inner.settle?.();
        },
      }),
      async read(buffer, byteOffset, byteLength) {
        visit('read');
        return inner.read(buffer, byteOffset, byteLength);
      },
    }),
    failAt(border: Border) {
      armed = border;
      failed = false;
    },
    disarm() {
      armed = null;
      return failed;
    },
  };
}
