/**
 * The built page in a real Chromium: open, continue, edit, move, fork, look at attention, share. With threads and
 * without, and on WebGPU's software adapter.
 */

import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuiltPage, changing, complaints, continueText, patient, ready, text, tokens, write } from './built-page.ts';
import { sampleText } from './made-model.ts';
import { serveFolder } from './static-server.ts';

let built: BuiltPage;

beforeAll(async () => {
  built = await BuiltPage.start();
}, 120_000);

afterAll(() => built?.end());

it('opens with the shipped model already answering, for less than 300 kB without it', async () => {
  const before = built.server.requests.length;
  const page = await built.browser.newPage();
  await page.goto(`${built.server.url}?backend=cpu`);
  await page.getByTestId('generation').getByText('tokens/s').waitFor();
  await page.getByRole('button', { name: 'Stop generating' }).click();
  await ready(page);
  expect(await text(page).inputValue()).toMatch(/^Fellow-citizens .* people of this country.+/s);
  const asked = built.server.requests.slice(before).map((path) => path.slice('/some/where/'.length));
  const ofPage = asked.filter((path) => !/config-|tokenizer-|safetensors/.test(path) || path.endsWith('.js'));
  const files = ofPage.map((path) => readFileSync(join(built.folder, 'dist', path || 'index.html')));
  const bytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0);
  expect(files.length).toBeGreaterThan(4);
  expect(bytes).toBeLessThan(300_000);
  await page.close();
});

describe.each([
  ['on the processor', 'backend=cpu', /Runs on cpu .*threads/],
  ['on WebGPU', 'backend=webgpu', /Runs on webgpu/],
])('%s', (_, query, runsOn) => {
  it('opens a model, continues a text, and takes changes in where they are', async () => {
    const page = await built.open(query);
    await built.openModel(page);
    expect(await page.getByTestId('model').textContent()).toMatch(runsOn);
    await write(page, sampleText);
    const length = await tokens(page);
    expect(length).toBeGreaterThan(10);
    await continueText(page);
    expect(await tokens(page)).toBe(length + 12);
    expect((await text(page).inputValue()).startsWith(sampleText)).toBe(true);
    // A word in the middle: what is before and after it stays in the context.
    await write(page, sampleText.replace('whale', 'ship'));
    const change = await page.getByTestId('change').textContent();
    expect(change).toMatch(/^Last change, at token [1-9]/);
    const items = await page.getByTestId('next').locator('li').allTextContents();
    expect(items).toHaveLength(10);
    expect(complaints.get(page)).toEqual([]);
    await page.close();
  });
});

it('goes on with the same text when the device is lost in the middle, and says so', async () => {
  const page = await built.open('backend=webgpu');
  await built.openModel(page);
  await write(page, sampleText);
  await continueText(page);
  const expected = await text(page).inputValue();
  await write(page, sampleText);
  await page.getByRole('button', { name: 'Continue the text' }).click();
  await page
    .getByTestId('generation')
    .getByText(/^([3-9]|1[01]) tokens/)
    .waitFor();
  const browser = await built.browser.newBrowserCDPSession();
  await browser.send('Browser.crashGpuProcess');
  await page.getByTestId('notice').getByText('The device was lost').waitFor();
  await page.getByTestId('generation').getByText('(length)').waitFor();
  await ready(page);
  expect(await text(page).inputValue()).toBe(expected);
  expect(await page.getByTestId('next').locator('li').count()).toBe(10);
  await page.close();
});

it('continues what is in the field, also when it was typed the moment before', async () => {
  const page = await built.open();
  await built.openModel(page);
  await write(page, sampleText);
  const length = await tokens(page);
  await write(page, 'The ship came.');
  await page.getByLabel('Tokens', { exact: true }).fill('12');
  await text(page).fill(sampleText);
  await page.getByRole('button', { name: 'Continue the text' }).click();
  await page.getByTestId('generation').getByText('(length)').waitFor();
  await ready(page);
  expect((await text(page).inputValue()).startsWith(sampleText)).toBe(true);
  expect(await tokens(page)).toBe(length + 12);
  await page.close();
});

it('gives the same distribution after edits and moves as for the text written at once', async () => {
  const page = await built.open();
  await built.openModel(page);
  await write(page, 'The whale came.');
  await page.getByRole('button', { name: 'Add a text before the last' }).click();
  await changing(page, () => page.locator('textarea').first().fill('Nobody had seen the ship. '));
  expect(await page.getByTestId('change').textContent()).toContain('at token 0 of');
  await changing(page, () => page.getByRole('button', { name: 'Move Text 2 down' }).click());
  expect(await text(page).inputValue()).toBe('Nobody had seen the ship. ');
  const moved = await page.getByTestId('next').allTextContents();
  const other = await built.open();
  await built.openModel(other);
  await write(other, 'The whale came.Nobody had seen the ship. ');
  expect(await other.getByTestId('next').allTextContents()).toEqual(moved);
  await page.close();
  await other.close();
});

it('continues one context in two ways, and keeps the one that is chosen', async () => {
  const page = await built.open();
  await built.openModel(page);
  await write(page, sampleText);
  const length = await tokens(page);
  await page.getByLabel('Tokens', { exact: true }).fill('8');
  await page.getByLabel('Temperature').fill('1');
  await page.getByRole('button', { name: 'Compare two seeds' }).click();
  const keep = page.getByRole('button', { name: 'Keep this one' });
  await expect.poll(() => keep.first().isEnabled(), patient).toBe(true);
  await ready(page);
  const [first, second] = await page.locator('.continuation').allTextContents();
  expect(first).not.toBe(second);
  expect(await tokens(page)).toBe(length);
  await keep.last().click();
  await expect.poll(() => tokens(page), patient).toBeGreaterThan(length);
  expect(await text(page).inputValue()).toBe(sampleText + second);
  await page.close();
});

it('shows which tokens are read, by layer and head', async () => {
  const page = await built.open();
  await built.openModel(page);
  await write(page, sampleText);
  await page.getByText('What the next token reads').click();
  const heat = page.getByTestId('heat').locator('span');
  await expect.poll(() => heat.count(), patient).toBe(await tokens(page));
  const shares = async () =>
    Promise.all((await heat.all()).map(async (span) => Number.parseFloat((await span.getAttribute('title')) ?? '')));
  const mean = await shares();
  expect(mean.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 1);
  await page.getByLabel('Layer').selectOption('2');
  await page.getByLabel('Head').selectOption('1');
  await expect.poll(shares, patient).not.toEqual(mean);
  expect((await shares()).reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 1);
  await page.close();
});

it('is the same again from its link', async () => {
  const page = await built.open();
  await built.openModel(page);
  await write(page, 'The ship — и кит 🐋 — went round.');
  await page.getByLabel('Seed', { exact: true }).fill('7');
  await page.getByRole('button', { name: 'Share as a link' }).click();
  await expect.poll(() => page.url(), patient).toContain('#shared=');
  const { hash } = new URL(page.url());
  const other = await built.open(`backend=cpu${hash}`);
  await built.openModel(other);
  expect(await text(other).inputValue()).toBe('The ship — и кит 🐋 — went round.');
  expect(await other.getByLabel('Seed', { exact: true }).inputValue()).toBe('7');
  expect(await other.getByTestId('next').allTextContents()).toEqual(await page.getByTestId('next').allTextContents());
  const damaged = await built.open(`backend=cpu${hash.slice(0, 20)}`);
  await damaged.getByRole('alert').getByText('The link is damaged.').waitFor();
  await Promise.all([page.close(), other.close(), damaged.close()]);
});

it('says what is wrong with a model’s files, and goes on', async () => {
  const page = await built.open();
  await built.openModel(page);
  await write(page, sampleText);
  const broken = join(built.folder, 'model.safetensors');
  await writeFile(broken, new Uint8Array(64).fill(255));
  const chosen = [join(built.folder, 'model', 'config.json'), broken];
  await page.getByLabel('Files of a model, or texts').setInputFiles(chosen);
  const alert = page.getByRole('alert');
  await alert.waitFor();
  expect(await alert.textContent()).toContain('model.safetensors');
  await alert.getByRole('button', { name: 'Dismiss' }).click();
  await continueText(page);
  await page.close();
});

it('keeps a model that was downloaded, opens it again without the network, and forgets it', async () => {
  const address = `${built.server.url}model`;
  const context = await built.browser.newContext();
  const page = await built.open('backend=cpu', built.server, context);
  const openUrl = async (url: string) => {
    await page.getByLabel('or at').fill(url);
    await page.getByRole('button', { name: 'Open', exact: true }).click();
  };
  await openUrl(`${built.server.url}nothing`);
  await page.getByRole('alert').getByText('There is no model at').waitFor();
  await openUrl(address);
  await page.getByText('vocabulary of 300').waitFor();
  await page.getByTestId('kept-models').getByText('kept in this browser').click();
  await page.reload();
  const before = built.server.requests.filter((path) => path.includes('/model/')).length;
  await page.getByTestId('kept-models').getByText('kept in this browser').click();
  await page.getByRole('button', { name: `Open ${address}` }).click();
  await page.getByText('vocabulary of 300').waitFor();
  expect(built.server.requests.filter((path) => path.includes('/model/')).length).toBe(before);
  await page.getByRole('button', { name: `Forget ${address}` }).click();
  await page.getByTestId('kept-models').waitFor({ state: 'detached' });
  await context.close();
});

it('takes in a text of 10 MB, tells how far it is, and can be stopped', async () => {
  const page = await built.open();
  await built.openModel(page);
  const long = join(built.folder, 'long.txt');
  const words = Array.from({ length: 10_000_000 / sampleText.length }, (_, at) => `${sampleText}${at} `);
  await writeFile(long, words.join(''));
  await page.getByLabel('Files of a model, or texts').setInputFiles(long);
  await page.getByTestId('status').getByText('Tokenizing long.txt…').waitFor();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await ready(page);
  expect(await page.getByText('too many for a text field').count()).toBe(1);
  await page.getByRole('button', { name: 'Remove long.txt' }).click();
  await write(page, sampleText);
  await page.close();
});

it('runs on one thread where the server does not isolate it, and asks only its own server', async () => {
  const plain = await serveFolder(join(built.folder, 'dist'), '/', false);
  try {
    const page = await built.open('backend=cpu', plain);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await built.openModel(page);
    expect(await page.getByTestId('model').textContent()).toContain('One thread');
    await write(page, sampleText);
    await continueText(page);
    expect(asked.filter((url) => !url.startsWith(plain.url) && !url.startsWith('blob:'))).toEqual([]);
    await page.close();
  } finally {
    plain.close();
  }
});

it.each(['light', 'dark'] as const)('is accessible, also on a phone: %s', async (colorScheme) => {
  const context = await built.browser.newContext({ colorScheme, viewport: { width: 390, height: 800 } });
  const page = await built.open('backend=cpu', built.server, context);
  await built.openModel(page);
  await write(page, sampleText);
  await page.getByText('What the next token reads').click();
  await page.getByTestId('heat').locator('span').first().waitFor();
  await page.getByText('Train the model on a text').click();
  await page.getByRole('button', { name: 'Start training' }).waitFor();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
  const { scrollWidth, clientWidth } = await page.evaluate(() => ({
    scrollWidth: document.documentElement.scrollWidth,
    clientWidth: document.documentElement.clientWidth,
  }));
  expect(scrollWidth).toBeLessThanOrEqual(clientWidth);
  await context.close();
});
