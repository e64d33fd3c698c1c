/** The page as a whole. */

import { ContextParts } from './components/context-parts.tsx';
import { ContinuationPanel } from './components/continuation-panel.tsx';
import { Meters } from './components/meters.tsx';
import { ModelBar } from './components/model-bar.tsx';
import { NextTokens } from './components/next-tokens.tsx';
import { ReadingView } from './components/reading-view.tsx';
import { StatusLine } from './components/status-line.tsx';
import { TrainingSection } from './components/training-section.tsx';
import type { Playground } from './playground.ts';
import { useDrop } from './use-drop.ts';

export function App({ playground }: { readonly playground: Playground }) {
  const over = useDrop(playground);
  return (
    <div className={over ? 'page over' : 'page'}>
      <header>
        <h1>InAttention playground</h1>
        <p>
          Every layer of these models reads the tokens themselves, not what earlier layers made of them. So a context is
          its text: nothing to fill in beforehand, and any word of it can be changed at once. Everything runs in this
          tab.
        </p>
        <ModelBar playground={playground} />
      </header>
      <StatusLine playground={playground} />
      <main>
        <div className="column">
          <ContextParts playground={playground} />
          <ContinuationPanel playground={playground} />
        </div>
        <div className="column">
          <NextTokens playground={playground} />
          <Meters playground={playground} />
        </div>
        <ReadingView playground={playground} />
        <TrainingSection playground={playground} />
      </main>
    </div>
  );
}
