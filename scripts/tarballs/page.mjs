// The page that a user builds with Vite: it shows what was generated, and in `data-state` how it went.
import { generateText } from './generate.mjs';

try {
  document.body.textContent = await generateText();
  document.body.dataset.state = 'done';
} catch (error) {
  document.body.textContent = String(error.stack ?? error);
  document.body.dataset.state = 'failed';
}
