/** Where the program reads and writes: the process by default, strings in tests. */

import { SingleBar } from 'cli-progress';

export interface Terminal {
  out(text: string): void;
  error(text: string): void;
  /** Progress bars are drawn on standard error when it is a terminal. */
  readonly interactive: boolean;
  readonly signal: AbortSignal;
}

/** A progress bar on standard error; silent when that is not a terminal. */
export interface Progress {
  update(done: number, total: number): void;
  stop(): void;
}

export function startProgress(terminal: Terminal, what: string): Progress {
  if (!terminal.interactive) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar({
    format: `${what} {bar} {percentage} %`,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  let started = false;
  return {
    update(done, total) {
      if (!started) {
        bar.start(total, done);
        started = true;
      }
      bar.setTotal(total);
      bar.update(done);
    },
    stop() {
      if (started) bar.stop();
      started = false;
    },
  };
}
