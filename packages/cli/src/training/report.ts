/** What a run tells people while it goes: loss, smoothed loss, speed, time left. */

import type { TrainingEvent } from '@inattention/train';
import type { Terminal } from '../terminal.ts';

/** Share of the past in the smoothed loss. */
const memory = 0.95;
/** Where standard error is no terminal, a line at most so often. */
const quietSeconds = 10;

export class RunReport {
  readonly #terminal: Terminal;
  readonly #steps: number;
  #smoothed = 0;
  #weight = 0;
  #seconds = 0;
  #tokens = 0;
  #done = 0;
  #told = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal, steps: number) {
    this.#terminal = terminal;
    this.#steps = steps;
  }

  /** Loss, averaged over steps with weights that fade; NaN before the first. */
  get smoothedLoss(): number {
    return this.#smoothed / this.#weight;
  }

  get seconds(): number {
    return this.#seconds;
  }

  get tokens(): number {
    return this.#tokens;
  }

  step(event: TrainingEvent): void {
    this.#smoothed = memory * this.#smoothed + (1 - memory) * event.loss;
    this.#weight = memory * this.#weight + (1 - memory);
    this.#seconds += event.seconds;
    this.#tokens += event.tokens;
    this.#done += 1;
    const { validation, switched } = event;
    if (switched !== undefined) this.#line(`step ${event.step}: layer ${switched} is inattention from here on`);
    if (validation !== undefined) {
      this.#line(
        `step ${event.step}: validation loss ${validation.loss.toFixed(4)} over ${validation.lossTerms} tokens`,
      );
    }
    if (this.#terminal.interactive) this.#terminal.error(`\r\x1b[K${this.#describe(event)}`);
    else if (this.#seconds - this.#told >= quietSeconds || event.step === this.#steps) {
      this.#told = this.#seconds;
      this.#line(this.#describe(event));
    }
  }

  /** Leaves the line of progress. */
  stop(): void {
    if (this.#terminal.interactive && this.#done > 0) this.#terminal.error('\n');
  }

  #describe({ step, loss, learningRate }: TrainingEvent): string {
    const left = ((this.#steps - step) * this.#seconds) / this.#done;
    const speed = Math.round(this.#tokens / this.#seconds);
    return (
      `step ${step} of ${this.#steps}: loss ${loss.toFixed(4)}, smoothed ${this.smoothedLoss.toFixed(4)}, ` +
      `rate ${learningRate.toPrecision(3)}, ${speed} tokens/s, ${duration(left)} left`
    );
  }

  #line(text: string): void {
    this.#terminal.error(`${this.#terminal.interactive ? '\r\x1b[K' : ''}${text}\n`);
  }
}

/** 3 s, 4 min 5 s, 2 h 3 min. */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
