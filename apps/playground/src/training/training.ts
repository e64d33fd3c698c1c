/**
 * Training as the page sees it: a state that follows the worker's events, and what can be asked of it. The worker is
 * started when somebody looks here, not with the page.
 */

import type { ModelLocation } from '@inattention/model/worker';
import type { BackendChoice } from '../backend-choice.ts';
import { saveFile } from '../save-file.ts';
import { Store } from '../store.ts';
import type { TrainingChoices } from './training-choices.ts';
import { noHistory, type RunDescription, type TrainingEvent, type TrainingRequest } from './training-protocol.ts';
import { beforeTraining, type TrainingState } from './training-state.ts';

export class Training {
  readonly store = new Store<TrainingState>(beforeTraining);
  readonly #worker: Worker;
  readonly #openModel: (name: string, location: ModelLocation) => void;

  /** @param openModel opens a trained model in the playground */
  constructor(choice: BackendChoice, openModel: (name: string, location: ModelLocation) => void) {
    this.#openModel = openModel;
    this.#worker = new Worker(new URL('./training.worker.ts', import.meta.url), { type: 'module', name: choice });
    this.#worker.addEventListener('message', ({ data }: MessageEvent<TrainingEvent>) => this.#follow(data));
    this.#worker.addEventListener('error', () => {
      this.store.update({
        phase: 'none',
        busy: null,
        failure: { message: 'The worker ended.', fix: 'reload the page' },
      });
    });
    this.#ask({ kind: 'look' });
  }

  choose(change: Partial<TrainingChoices>): void {
    this.store.update({ choices: { ...this.store.get().choices, ...change } });
  }

  start(modelName: string, location: ModelLocation, text: Blob): void {
    const { choices } = this.store.get();
    this.store.update({ phase: 'preparing', modelName, history: noHistory, running: null, failure: null });
    this.#ask({ kind: 'start', location, modelName, text, choices });
  }

  resume(): void {
    this.store.update({ phase: 'preparing', failure: null });
    this.#ask({ kind: 'resume', choices: this.store.get().choices });
  }

  pause(): void {
    this.#end(false);
  }

  stop(): void {
    this.#end(true);
  }

  discard(): void {
    this.#ask({ kind: 'discard' });
  }

  open(files: readonly File[]): void {
    this.store.update({ failure: null });
    this.#ask({ kind: 'open', files });
  }

  download(): void {
    this.store.update({ busy: { what: 'packing the checkpoint', share: null } });
    this.#ask({ kind: 'download' });
  }

  /** Opens the model as trained so far in the playground. */
  takeModel(): void {
    this.#ask({ kind: 'model' });
  }

  dismissFailure(): void {
    this.store.update({ failure: null });
  }

  dispose(): void {
    this.#worker.terminate();
  }

  #ask(request: TrainingRequest): void {
    this.#worker.postMessage(request);
  }

  #end(stop: boolean): void {
    const { phase } = this.store.get();
    if (phase === 'running' || phase === 'preparing') this.store.update({ phase: 'ending' });
    this.#ask({ kind: 'pause', stop });
  }

  #follow(event: TrainingEvent): void {
    this.store.update(changeOf(this.store.get(), event));
    if (event.kind === 'archive') saveFile(event.name, event.content);
    if (event.kind === 'model') this.#openModel(event.name, { files: event.files });
  }
}

/** What an event changes. */
function changeOf({ phase, history }: TrainingState, event: TrainingEvent): Partial<TrainingState> {
  switch (event.kind) {
    case 'kept':
      return { ...keptState(event.run), persistent: event.persistent, busy: null };
    case 'busy':
      return { busy: { what: event.what, share: event.share } };
    case 'running': {
      const { device, tokens, heldOut } = event;
      return { phase: phase === 'ending' ? phase : 'running', busy: null, running: { device, tokens, heldOut } };
    }
    case 'step': {
      const { loss, validation, learningRate, tokensPerSecond } = event;
      const losses = [...history.losses, loss];
      const measured = validation === null ? [] : [{ step: losses.length, loss: validation }];
      const more = { ...history, losses, validation: [...history.validation, ...measured] };
      return { history: more, learningRate, tokensPerSecond };
    }
    case 'sample':
      return { history: { ...history, samples: [...history.samples, event.sample] } };
    case 'archive':
    case 'model':
      return { busy: null };
    case 'failed':
      return { busy: null, failure: event.failure };
  }
}

/** What a run that is kept looks like. */
function keptState(run: RunDescription | null): Partial<TrainingState> {
  if (run === null) return { phase: 'none', modelName: null, history: noHistory, running: null };
  const { modelName, choices, history, stopped } = run;
  const finished = history.losses.length >= choices.steps;
  return { phase: finished ? 'finished' : stopped ? 'stopped' : 'paused', modelName, choices, history, running: null };
}
