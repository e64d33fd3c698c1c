// `pnpm --filter inattention-playground responsiveness`: how the page answers while it generates, in headless Chromium:
// the longest task of its main thread (from a trace), and from an interaction to the next paint (Event Timing, all
// interactions, the slowest). Measured and printed, not asserted. Options: --backend cpu|webgpu, --tokens N.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

const { values } = parseArgs({
  options: { backend: { type: 'string', default: 'cpu' }, tokens: { type: 'string', default: '120' } },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const outDir = await mkdtemp(join(tmpdir(), 'inattention-responsiveness-'));
const resolve = { conditions: ['@inattention/source', 'module', 'browser', 'production'] };

await build({ root, logLevel: 'error', resolve, build: { outDir, emptyOutDir: true } });
const server = await preview({ root, logLevel: 'error', build: { outDir }, preview: { port: 0 } });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
});
try {
  const paragraph = 'Fellow-citizens of the Senate and of the House of Representatives, the people of this country. ';
  console.log(`backend ${values.backend}, ${values.tokens} tokens generated, Chromium ${browser.version()}`);
  console.log('context           longest task   tasks over 50 ms   slowest interaction   interactions   tokens/s');
  for (const [name, text] of [
    ['one sentence', paragraph],
    ['100 kB', paragraph.repeat(Math.ceil(100_000 / paragraph.length))],
  ]) {
    const { longest, over, slowest, interactions, speed } = await measure(text);
    const cells = [name.padEnd(16), `${longest.toFixed(0)} ms`.padStart(12), String(over).padStart(16)];
    console.log(
      [...cells, `${slowest.toFixed(0)} ms`.padStart(19), String(interactions).padStart(12), speed.padStart(8)].join(
        '  ',
      ),
    );
  }
} finally {
  await browser.close();
  await server.close();
  await rm(outDir, { recursive: true, force: true });
}

/** Generates after `text` while somebody types and clicks. */
async function measure(text) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  await page.addInitScript(() => {
    globalThis.durations = new Map();
    new PerformanceObserver((list) => {
      for (const { interactionId, duration } of list.getEntries()) {
        if (interactionId > 0) durations.set(interactionId, Math.max(duration, durations.get(interactionId) ?? 0));
      }
    }).observe({ type: 'event', durationThreshold: 16, buffered: true });
  });
  await page.goto(`${server.resolvedUrls.local[0]}?backend=${values.backend}`);
  await page.getByTestId('generation').getByText('tokens/s').waitFor();
  await page.getByRole('button', { name: 'Stop generating' }).click();
  await page.locator('textarea').last().fill(text);
  await page.getByTestId('change').waitFor({ timeout: 300_000 });
  await page.getByTestId('status').getByText('Ready.').waitFor({ timeout: 300_000 });
  await page.getByLabel('Tokens', { exact: true }).fill(values.tokens);
  await page.evaluate(() => durations.clear());
  await browser.startTracing(page, {
    categories: ['disabled-by-default-devtools.timeline', 'devtools.timeline', '__metadata'],
  });
  await page.getByRole('button', { name: 'Continue the text' }).click();
  const done = page.getByTestId('generation').getByText(/\((length|end of text)\)/);
  for (let round = 0; round < 400 && (await done.count()) === 0; round += 1) {
    await page.getByLabel('Name of text 1').press(round % 2 === 0 ? 'x' : 'Backspace');
    if (round % 5 === 0) await page.getByText('What the next token reads').click();
    await page.waitForTimeout(80);
  }
  const trace = JSON.parse((await browser.stopTracing()).toString());
  const found = await page.evaluate(() => [...durations.values()]);
  const report = (await page.getByTestId('generation').textContent()) ?? '';
  await page.close();
  const tasks = mainThreadTasks(trace.traceEvents);
  return {
    longest: Math.max(0, ...tasks),
    over: tasks.filter((ms) => ms > 50).length,
    // Interactions of less than 16 ms are not told of.
    slowest: Math.max(0, ...found),
    interactions: found.length,
    speed: /then ([\d.]+) tokens/.exec(report)?.[1] ?? '–',
  };
}

/** Durations, in milliseconds, of the tasks of the page's main thread: the one with most of them. */
function mainThreadTasks(events) {
  const names = events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const lists = names.map(({ pid, tid }) =>
    events
      .filter((event) => event.name === 'RunTask' && event.pid === pid && event.tid === tid)
      .map(({ dur = 0 }) => dur / 1000),
  );
  return lists.sort((a, b) => b.length - a.length)[0] ?? [];
}
