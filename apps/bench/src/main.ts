/** The page: choose lengths, run, watch, read, download. */

import './style.css';
import { proxy, wrap } from 'comlink';
import { resultElements } from './result-table.ts';
import type { SweepWorker } from './sweep.worker.ts';

const sweep = wrap<SweepWorker>(new Worker(new URL('./sweep.worker.ts', import.meta.url), { type: 'module' }));
const form = find('form', HTMLFormElement);
const cancel = find('#cancel', HTMLButtonElement);
const download = find('#download', HTMLButtonElement);
const status = find('#status', HTMLElement);
const output = find('#result', HTMLElement);

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void run(new FormData(form).getAll('length').map(Number));
});
cancel.addEventListener('click', () => void sweep.cancel());

async function run(lengths: number[]): Promise<void> {
  if (lengths.length === 0) {
    status.textContent = 'Choose at least one length.';
    return;
  }
  setRunning(true);
  try {
    const result = await sweep.run(
      lengths,
      proxy(({ done, total, what }) => {
        status.textContent = `${done} of ${total}: ${what}`;
      }),
    );
    output.replaceChildren(...resultElements(result));
    download.onclick = () => save(JSON.stringify(result, null, 2));
    download.hidden = false;
    status.textContent = 'Done.';
  } catch (error) {
    status.textContent = error instanceof Error ? error.message : String(error);
  } finally {
    setRunning(false);
  }
}

function save(json: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([json], { type: 'application/json' }));
  link.download = 'inattention-bench.json';
  link.click();
  URL.revokeObjectURL(link.href);
}

function setRunning(running: boolean): void {
  find('button[type=submit]', HTMLButtonElement).disabled = running;
  cancel.disabled = !running;
}

function find<T extends Element>(selector: string, type: new () => T): T {
  const element = document.querySelector(selector);
  if (!(element instanceof type)) throw new TypeError(`The page lacks ${selector}.`);
  return element;
}
