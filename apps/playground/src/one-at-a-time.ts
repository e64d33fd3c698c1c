/** Work on the session, one thing after another; what is running can be stopped, and is for what comes next. */

export class OneAtATime {
  #queue: Promise<unknown> = Promise.resolve();
  #running: AbortController | null = null;

  /** Stops what is running, then does this. Nothing is done when something else was asked for meanwhile. */
  instead(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.stop();
    const controller = new AbortController();
    this.#running = controller;
    return this.after(async () => {
      if (controller.signal.aborted) return;
      try {
        await work(controller.signal);
      } finally {
        if (this.#running === controller) this.#running = null;
      }
    });
  }

  /** Does this when all that was asked for before is done. */
  after<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }

  stop(): void {
    this.#running?.abort();
  }
}
