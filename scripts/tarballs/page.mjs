// The page that a user builds with Vite: it generates in the page and in a worker, shows both results, and in `data-state` how
// it went.
import { generateText } from './generate.mjs';

function generateInWorker() {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error === undefined ? resolve(data) : reject(new Error(data.error)));
    worker.onerror = (event) => reject(new Error(event.message));
  });
}

try {
  const results = { page: await generateText(), worker: await generateInWorker() };
  document.body.textContent = JSON.stringify(results);
  document.body.dataset.state = 'done';
} catch (error) {
  document.body.textContent = String(error.stack ?? error);
  document.body.dataset.state = 'failed';
}
