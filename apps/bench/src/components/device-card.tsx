/** The machine as the page sees it: browser, threads, adapter with its limits and features, and which backend fits and why. */

import { formatBytes } from '@inattention/bench';
import type { BenchPage } from '../bench-page.ts';
import type { AdapterReport, DeviceReport } from '../device-report.ts';
import { useBench } from '../use-bench.ts';

export function DeviceCard({ bench }: { readonly bench: BenchPage }) {
  const { device } = useBench(bench);
  return (
    <section aria-labelledby="device-title" className="card">
      <h2 id="device-title">This device</h2>
      {device === null ? <p>Looking at it…</p> : <Facts device={device} />}
    </section>
  );
}

function Facts({ device }: { readonly device: DeviceReport }) {
  const { browser, cores, memory, isolated, adapter, whyNoAdapter, processor, threads, chosen } = device;
  return (
    <>
      <p data-testid="chosen">
        {chosen === null
          ? 'No backend runs here.'
          : `Backend: ${chosen.name} (${chosen.device}). Why: ${chosen.reason}`}
        {!isolated && ' One thread: the server does not isolate this page (cross-origin isolation).'}
      </p>
      <details>
        <summary>Adapter, limits, browser</summary>
        <dl>
          <dt>Browser</dt>
          <dd>{browser}</dd>
          <dt>Processor</dt>
          <dd>
            {cores} cores{memory !== null && `, ${memory} GB or more`}; {processor}
          </dd>
          <dt>Threads</dt>
          <dd>{threads}</dd>
          <dt>Cross-origin isolated</dt>
          <dd>{isolated ? 'yes' : 'no'}</dd>
          <dt>WebGPU</dt>
          <dd>{adapter === null ? whyNoAdapter : nameOf(adapter)}</dd>
          {adapter !== null && (
            <>
              <dt>Features</dt>
              <dd>{adapter.features.join(', ') || 'none'}</dd>
              {Object.entries(adapter.limits).map(([name, value]) => (
                <Limit key={name} name={name} value={value} />
              ))}
            </>
          )}
        </dl>
      </details>
    </>
  );
}

function Limit({ name, value }: { readonly name: string; readonly value: number }) {
  const isSize = /Size$/.test(name) && value >= 1000;
  return (
    <>
      <dt>{name}</dt>
      <dd>{isSize ? `${value.toLocaleString('en-US')} (${formatBytes(value)})` : value.toLocaleString('en-US')}</dd>
    </>
  );
}

function nameOf({ vendor, architecture, device, description, software }: AdapterReport): string {
  const names = [vendor, architecture, device, description].filter((name) => name !== '');
  const kind = software ? ' (a processor that plays GPU: taken only when WebGPU is asked for)' : '';
  return `${[...new Set(names)].join(', ') || 'an adapter that does not tell its name'}${kind}`;
}
