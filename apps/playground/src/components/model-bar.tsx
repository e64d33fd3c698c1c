/** Which model is open, where it runs and why, and how to open another. */

import { type ChangeEvent, type FormEvent, useRef } from 'react';
import { openFiles } from '../dropped-files.ts';
import { formatCount } from '../format.ts';
import type { Playground } from '../playground.ts';
import { shippedModels } from '../shipped.ts';
import { usePlayground } from '../use-playground.ts';
import { KeptModels } from './kept-models.tsx';

export function ModelBar({ playground }: { readonly playground: Playground }) {
  const { model, modelName } = usePlayground(playground);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const choose = async (event: ChangeEvent<HTMLInputElement>) => {
    const chosen = [...(event.target.files ?? [])];
    event.target.value = '';
    await openFiles(playground, chosen).catch((error: unknown) => playground.fail(error));
  };
  const openShipped = (event: ChangeEvent<HTMLSelectElement>) => {
    const shipped = shippedModels.find(({ name }) => name === event.target.value);
    if (shipped !== undefined) void playground.openModel(shipped.name, shipped.location);
  };
  const openUrl = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const url = String(new FormData(event.currentTarget).get('url')).trim();
    if (url !== '') void playground.openUrl(url);
  };
  const isShipped = shippedModels.some(({ name }) => name === modelName);
  return (
    <section aria-label="Model" className="model-bar">
      <div className="row">
        {shippedModels.length > 0 && (
          <label>
            Model
            <select value={isShipped ? (modelName ?? '') : ''} onChange={openShipped}>
              {!isShipped && <option value="">{modelName ?? 'none yet'}</option>}
              {shippedModels.map(({ name, description }) => (
                <option key={name} value={name} title={description}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        <button type="button" onClick={() => files.current?.click()}>
          Open files…
        </button>
        <button type="button" onClick={() => folder.current?.click()}>
          Open a model’s folder…
        </button>
        <input ref={files} type="file" multiple hidden onChange={choose} aria-label="Files of a model, or texts" />
        <input
          ref={(element) => {
            folder.current = element;
            element?.setAttribute('webkitdirectory', '');
          }}
          type="file"
          hidden
          onChange={choose}
          aria-label="Folder of a model"
        />
        <form className="row" onSubmit={openUrl}>
          <label>
            or at
            <input name="url" type="url" placeholder="https://… folder or .gguf" />
          </label>
          <button type="submit">Open</button>
        </form>
      </div>
      {model !== null && (
        <p className="note" data-testid="model">
          {modelName}: {formatCount(model.config.numHiddenLayers)} layers of {model.config.hiddenSize}, vocabulary of{' '}
          {formatCount(model.config.vocabSize)}, window {model.config.initialStateWindow}. Runs on {model.backend} (
          {model.device}): {model.reason}
          {!crossOriginIsolated && model.backend === 'cpu' && ' One thread: this server does not isolate the page.'}
        </p>
      )}
      <KeptModels playground={playground} />
    </section>
  );
}
