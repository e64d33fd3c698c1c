/** Models that were downloaded and are kept in the browser: to open again, or to be forgotten. */

import { useEffect, useState } from 'react';
import { formatBytes } from '../format.ts';
import { forgetModel, type KeptModel, keptModels } from '../model-cache.ts';
import type { Playground } from '../playground.ts';
import { usePlayground } from '../use-playground.ts';

export function KeptModels({ playground }: { readonly playground: Playground }) {
  const { modelName } = usePlayground(playground);
  const [kept, setKept] = useState<readonly KeptModel[]>([]);
  const [changes, setChanges] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a model that was opened may have been kept
  useEffect(() => {
    let current = true;
    void keptModels().then((found) => current && setKept(found));
    return () => {
      current = false;
    };
  }, [modelName, changes]);
  if (kept.length === 0) return null;
  const forget = (models: readonly KeptModel[]) =>
    void Promise.all(models.map(({ url }) => forgetModel(url))).then(() => setChanges(changes + 1));
  const bytes = kept.reduce((sum, model) => sum + model.bytes, 0);
  return (
    <details className="note" data-testid="kept-models">
      <summary>Downloaded models kept in this browser: {formatBytes(bytes)}</summary>
      <ul className="kept">
        {kept.map((model) => (
          <li key={model.url} className="row">
            <span className="address">{model.url}</span> {formatBytes(model.bytes)}
            <button type="button" aria-label={`Open ${model.url}`} onClick={() => void playground.openUrl(model.url)}>
              Open
            </button>
            <button type="button" aria-label={`Forget ${model.url}`} onClick={() => forget([model])}>
              Forget
            </button>
          </li>
        ))}
      </ul>
      <button type="button" onClick={() => forget(kept)}>
        Forget all
      </button>
    </details>
  );
}
