/**
 * The built page in a real Chromium: every bench, with WebGPU's software adapter and without, isolated or not; results saved,
 * opened, shared and refused.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { AxeBuilder } from '@axe-core/playwright';
import { parseAnyResult, resultSchema, type SweepResult } from '@inattention/bench';
import { htmlReport } from '@inattention/bench/node';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StaticServer, serveFolder } from '../../playground/test/static-server.ts';
import { madeResult } from './made-result.ts';

let folder: string;
let browser: Browser;
let server: StaticServer;
let made: SweepResult;
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inattention-bench-page-'));
  await build({
    root: fileURLToPath(new URL('..', import.meta.url)),
    logLevel: 'error',
    resolve: { conditions: ['@inattention/source', 'module', 'browser', 'production'] },
    build: { outDir: join(folder, 'dist'), emptyOutDir: true },
  });
  server = await serveFolder(join(folder, 'dist'), '/some/where/', true);
  browser = await chromium.launch({
    executablePath,
    args: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  });
  made = await madeResult();
  await writeFile(join(folder, 'made.json'), JSON.stringify(made));
}, 180_000);

afterAll(async () => {
  await browser?.close();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** What the page complained of, beside what it says itself. */
const complaints = new WeakMap<Page, string[]>();

async function openPage(
  path = '',
  { url }: StaticServer = server,
  own: Browser = browser,
  deviceScaleFactor = 1,
): Promise<Page> {
  const page = await own.newPage({ viewport: { width: 1200, height: 900 }, deviceScaleFactor });
  const heard: string[] = [];
  complaints.set(page, heard);
  page.on('pageerror', (error) => heard.push(error.message));
  page.on('console', (message) => message.type() === 'error' && heard.push(message.text()));
  await page.goto(url + path);
  await page.getByTestId('chosen').waitFor({ timeout: 60_000 });
  return page;
}

const choose = (page: Page, name: string, value: string) => page.getByRole('combobox', { name }).selectOption(value);
const count = (page: Page, name: string, value: number) => page.getByRole('spinbutton', { name }).fill(String(value));

async function tick(page: Page, group: string, wanted: readonly RegExp[]): Promise<void> {
  for (const box of await page.getByRole('group', { name: group }).getByRole('checkbox').all()) {
    const label = (await box.locator('xpath=..').textContent()) ?? '';
    await box.setChecked(wanted.some((pattern) => pattern.test(label)));
  }
}

async function chooseTinySweep(page: Page, backend: string): Promise<void> {
  await tick(page, 'Context lengths', [/^256$/]);
  await tick(page, 'Variants', [/^self/, /^tables/]);
  await choose(page, 'Shape', 'tiny');
  await choose(page, 'Backend', backend);
  await count(page, 'Rounds', 1);
  await count(page, 'Tokens warm tables', 256);
}

const start = (page: Page) => page.getByRole('button', { name: 'Run', exact: true }).click();

/** Runs what is chosen, to its end. */
async function run(page: Page): Promise<void> {
  await start(page);
  await page.getByRole('button', { name: 'Cancel' }).and(page.locator(':enabled')).waitFor();
  await page.getByTestId('status').getByText('Ready.').waitFor({ timeout: 100_000 });
  await page.getByTestId('report').locator('table').first().waitFor();
  expect(await page.getByRole('alert').allTextContents()).toEqual([]);
}

const openMade = async (page: Page): Promise<void> => {
  await page.getByLabel('Open a result').setInputFiles(join(folder, 'made.json'));
  await page.getByTestId('heading').getByText('Context sweep: tiny, f32').waitFor();
  await page.locator('figure').nth(3).waitFor();
};

async function saved(page: Page, button: string): Promise<Buffer> {
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: button }).click();
  return readFile(await (await download).path());
}

it.each(['cpu', 'webgpu'])('sweeps on %s and shows memory and times', async (backend) => {
  const page = await openPage();
  await chooseTinySweep(page, backend);
  await run(page);
  expect(await page.getByTestId('report').textContent()).toContain(`Backend${backend} (`);
  expect(await page.locator('figure figcaption').allTextContents()).toHaveLength(4);
  const result = parseAnyResult((await saved(page, 'Save as JSON')).toString());
  if (result.schema !== resultSchema) throw new TypeError(result.schema);
  expect(result.rows.map(({ variant, outcome }) => [variant, outcome])).toEqual([
    ['self', 'measured'],
    ['tables', 'measured'],
  ]);
  expect(result.rows.every(({ contextBytes, plan }) => contextBytes === plan.contextBytes)).toBe(true);
  expect(complaints.get(page)).toEqual([]);
  await page.close();
});

it('keeps what was measured when it is cancelled, and runs again', async () => {
  const page = await openPage();
  await chooseTinySweep(page, 'cpu');
  await tick(page, 'Context lengths', [/^256$/, /^64 Ki$/]);
  await count(page, 'Run the baseline', 131_072);
  await start(page);
  await page.locator('figure').first().waitFor({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByTestId('status').getByText('Cancelled.').waitFor();
  expect(await page.getByTestId('heading').textContent()).toContain('interrupted');
  expect(await page.getByTestId('report').textContent()).toContain('not reached');
  await tick(page, 'Context lengths', []);
  await start(page);
  expect(await page.getByRole('alert').textContent()).toContain('Choose at least one context length.');
  await chooseTinySweep(page, 'cpu');
  await run(page);
  expect(await page.getByTestId('heading').textContent()).toBe('Context sweep: tiny, f32');
  await page.close();
});

/**
 * Elements of the report on the page and of one that was written, each with its attributes and own text; long fractions, in which
 * versions of the engine differ, are rounded.
 */
function structures(page: Page, html: string): Promise<string[][]> {
  return page.evaluate(
    (text) => {
      const rounded = (value: string) => value.replace(/\d+\.\d{4,}/g, (number) => Number(number).toFixed(3));
      const written = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
      return [document.querySelector('[data-testid=report]'), written].map((root) =>
        [...(root?.querySelectorAll('*') ?? [])].map((element) => {
          const attributes = [...element.attributes].map(({ name, value }) => `${name}=${rounded(value)}`).sort();
          const texts = [...element.childNodes]
            .filter(({ nodeType }) => nodeType === 3)
            .map((node) => node.textContent);
          const own = texts.filter((content) => content !== '');
          return [element.tagName.toLowerCase(), ...attributes, ...own].join(' ');
        }),
      );
    },
    html.replace(/<style>.*?<\/style>/s, ''),
  ); // which this page's policy would complain of
}

it('shows the nodes that the command line writes into its page, and saves them as JSON, Markdown and PNG', async () => {
  // On a fine screen: on others the chart library moves lines by half a pixel.
  const page = await openPage('', server, browser, 2);
  await openMade(page);
  const [shown, written] = await structures(page, await htmlReport(made));
  expect(written?.length).toBeGreaterThan(500);
  expect(shown).toEqual(written);
  expect(await page.locator('script:not([src])').count()).toBe(0);
  expect(parseAnyResult((await saved(page, 'Save as JSON')).toString())).toEqual(made);
  expect((await saved(page, 'Save as Markdown')).toString()).toMatch(/^# Context sweep\n/);
  const png = await saved(page, 'Save charts as PNG');
  expect([png.subarray(1, 4).toString(), png.readUInt32BE(16), png.length > 40_000]).toEqual(['PNG', 2656, true]);
  await page.getByLabel('Compare with').setInputFiles(join(folder, 'made.json'));
  await page.getByRole('heading', { name: 'Compared' }).waitFor();
  expect(await page.getByRole('table', { name: 'Compared' }).getByRole('row').count()).toBe(1 + made.rows.length);
  expect(complaints.get(page)).toEqual([]);
  await page.close();
});

it('is the same again from its link, and refuses links and files that are none', async () => {
  const page = await openPage();
  await openMade(page);
  await page.getByRole('button', { name: 'Share as a link' }).click();
  await expect.poll(() => page.url()).toContain('#result=');
  const { hash } = new URL(page.url());
  const other = await openPage(hash);
  await other.locator('figure').nth(3).waitFor();
  expect(parseAnyResult((await saved(other, 'Save as JSON')).toString())).toEqual(made);
  const packed = (text: string) => `#result=${deflateRawSync(text).toString('base64url')}`;
  const hostile = JSON.stringify({ ...made, rows: [{ ...made.rows[0], variant: '<img src=x onerror=alert(1)>' }] });
  for (const [link, what] of [
    [hash.slice(0, 60), 'The link is damaged.'],
    [packed(hostile), 'field "rows.0.variant"'],
    [packed('{"schema":"inattention-bench/99"}'), 'field "schema"'],
    [packed('0'.repeat(20_000_000)), 'The link is damaged.'],
  ] as const) {
    await other.evaluate((to) => location.replace(to), link);
    await other.getByRole('alert').getByText(what).waitFor();
    await other.getByRole('button', { name: 'Dismiss' }).click();
  }
  await other.getByLabel('Open a result').setInputFiles({
    ...{ name: 'x.json', mimeType: 'application/json' },
    buffer: Buffer.from('{"schema":"<b>"}'),
  });
  await other.getByRole('alert').getByText('x.json is not the result of a bench').waitFor();
  expect(await other.locator('figure').count()).toBe(4);
  expect([complaints.get(page), complaints.get(other)]).toEqual([[], []]);
  await Promise.all([page.close(), other.close()]);
});

it('measures kernels beside the libraries that it loads when asked', async () => {
  const page = await openPage();
  await page.getByRole('radio', { name: 'Kernels' }).click();
  await choose(page, 'Sizes', 'small');
  await count(page, 'Rounds', 1);
  expect(server.requests.filter((path) => /onnxruntime|ort-|tfjs/.test(path))).toEqual([]);
  await run(page);
  const report = (await page.getByTestId('report').textContent()) ?? '';
  for (const peer of ['onnxruntime-web', 'tfjs-backend-wasm']) {
    expect(report).toMatch(new RegExp(`inattention, result read / ${peer}[^:]*: [\\d.,]+× the speed`));
  }
  expect(await page.getByTestId('report').locator('table').count()).toBe(3);
  expect(complaints.get(page)).toEqual([]);
  await page.close();
});

it('finds that backends and modes foresee the same tokens', async () => {
  const page = await openPage();
  await page.getByRole('radio', { name: 'Agreement' }).click();
  await choose(page, 'Model', 'random, tiny');
  await count(page, 'Tokens', 6);
  await run(page);
  const rows = await page.getByRole('table').first().locator('tbody tr').allTextContents();
  expect(rows.map((row) => row.replace('100.00 %', ' all ').replace(/\d\.\de-\d$/, ''))).toEqual([
    'cputables66 all ',
    'webgpu (software adapter)kv66 all ',
    'webgpu (software adapter)tables66 all ',
  ]);
  await page.close();
});

it('draws what more context is worth to a trained model', async () => {
  const page = await openPage();
  await page.getByRole('radio', { name: 'Loss by context length' }).click();
  await tick(page, 'Context lengths', [/^16$/, /^64$/]);
  await count(page, 'Targets', 8);
  await count(page, 'Characters', 2000);
  await run(page);
  expect(await page.locator('figure figcaption').allTextContents()).toEqual(['Loss by context length']);
  await page.close();
});

it('without WebGPU and isolation takes one thread of the processor and says why, and asks only its own server', async () => {
  const plain = await serveFolder(join(folder, 'dist'), '/', false);
  const other = await chromium.launch({ executablePath });
  try {
    const page = await openPage('', plain, other);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const chosen = await page.getByTestId('chosen').textContent();
    expect(chosen).toMatch(/^Backend: cpu \(.*1 thread\)\. Why: .*webgpu: .* One thread: the server does not isolate/);
    await page.getByText('Adapter, limits, browser').click();
    expect(await page.getByRole('definition').allTextContents()).toContain('no');
    await chooseTinySweep(page, 'auto');
    await run(page);
    expect(asked.filter((url) => !url.startsWith(plain.url) && !/^(blob|data):/.test(url))).toEqual([]);
    expect(complaints.get(page)).toEqual([]);
  } finally {
    await other.close();
    plain.close();
  }
});

it('loads less than 300 kB, gzipped, before anything is asked of it', async () => {
  const own = await serveFolder(join(folder, 'dist'), '/', true);
  try {
    const page = await openPage('', own);
    const files = [...new Set(own.requests)].map((path) => (path === '/' ? 'index.html' : path));
    const sizes = await Promise.all(
      files.map(async (file) => gzipSync(await readFile(join(folder, 'dist', file))).length),
    );
    expect(files.length).toBeGreaterThan(3);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000);
    await page.close();
  } finally {
    own.close();
  }
});

it.each(['light', 'dark'] as const)('is accessible, also on a phone: %s', async (colorScheme) => {
  const context = await browser.newContext({ colorScheme, viewport: { width: 390, height: 800 } });
  const page = await context.newPage();
  await page.goto(server.url);
  await openMade(page);
  for (const kind of ['Loss by context length', 'Kernels', 'Agreement of backends', 'Context sweep']) {
    await page.getByRole('radio', { name: kind }).click();
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
    const overflow = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth - clientWidth;
    });
    expect(overflow).toBeLessThanOrEqual(0);
  }
  await context.close();
});
