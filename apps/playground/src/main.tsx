/** Starts the page. */

import './style.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { backendChoice } from './backend-choice.ts';
import { Playground } from './playground.ts';
import { start } from './start.ts';

const playground = new Playground(backendChoice(new URLSearchParams(location.search).get('backend')));
const root = document.querySelector('#root');
if (root === null) throw new Error('The page lacks its root.');
createRoot(root).render(
  <StrictMode>
    <App playground={playground} />
  </StrictMode>,
);
void start(playground, location);
