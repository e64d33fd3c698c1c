/** The page's end of the line to a worker: its calls, numbered so that they can be cancelled. */

import { throwIfAborted } from '@inattention/core';
import { type Endpoint, proxy, type Remote, wrap } from 'comlink';
import type { RunOptions } from '../session-decoder.ts';
import { type ModelHost, type OnProgress, type Outcome, unwrap } from './protocol.ts';

export class Connection {
  readonly host: Remote<ModelHost>;
  #nextCall = 1;

  constructor(endpoint: Endpoint) {
    this.host = wrap<ModelHost>(endpoint);
  }

  /** A call's number; aborting `signal` until `end()` cancels it. */
  begin(signal: AbortSignal | undefined): { readonly call: number; readonly end: () => void } {
    throwIfAborted(signal, 'The call');
    const call = this.#nextCall++;
    const abort = (): void => void this.host.abort(call);
    signal?.addEventListener('abort', abort, { once: true });
    return { call, end: () => signal?.removeEventListener('abort', abort) };
  }

  async cancellable<T>(
    options: RunOptions,
    work: (call: number, onProgress: OnProgress) => Promise<Outcome<T>>,
  ): Promise<T> {
    const { call, end } = this.begin(options.signal);
    try {
      const { onProgress } = options;
      return unwrap(await work(call, onProgress && proxy(onProgress)));
    } finally {
      end();
    }
  }
}
