// The same in a worker, where a backend may wait for threads of its own.
import { generateText } from './generate.mjs';

generateText().then(
  (result) => self.postMessage(result),
  (error) => self.postMessage({ error: String(error.stack ?? error) }),
);
