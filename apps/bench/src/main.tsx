/** Starts the page. */

import './style.css';
import { reportStyle } from '@inattention/bench';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { BenchPage } from './bench-page.ts';

// The report's own style sheet, as in the page that the command line writes.
const sheet = new CSSStyleSheet();
sheet.replaceSync(reportStyle);
document.adoptedStyleSheets = [sheet];

const bench = new BenchPage();
const root = document.querySelector('#root');
if (root === null) throw new Error('The page lacks its root.');
createRoot(root).render(
  <StrictMode>
    <App bench={bench} />
  </StrictMode>,
);
void bench.start(location.hash);
window.addEventListener('hashchange', () => void bench.openLink(location.hash));
