/** Training in the page: it learns, goes on after a reload as if nothing had been, and its checkpoint comes back from a file. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BuiltPage, complaints, continueText, ready } from './built-page.ts';
import { sampleText } from './made-model.ts';

let built: BuiltPage;

beforeAll(async () => {
  built = await BuiltPage.start();
}, 120_000);

afterAll(() => built?.end());

const steps = 40;
const phase = (page: Page) => page.getByTestId('training-phase');
const button = (page: Page, name: string) => page.getByRole('button', { name });
const finished = (page: Page) => phase(page).getByText('Finished').waitFor();

async function startTraining(page: Page, trainingText: string, choices: Readonly<Record<string, number>>) {
  await page.getByLabel('Text to train on', { exact: true }).fill(trainingText);
  for (const [label, value] of Object.entries(choices)) {
    await page.getByLabel(label, { exact: true }).fill(String(value));
  }
  await button(page, 'Start training').click();
}

/** The page goes away by itself, at once: steps may be faster than looking at them from here. */
async function reloadAfterElevenSteps(page: Page): Promise<void> {
  await page.evaluate(() => {
    const observer = new MutationObserver(() => {
      const shown = document.querySelector('[data-testid=training-phase]')?.textContent ?? '';
      if (!/Training: .* step (1[1-9]|2\d) of/.test(shown)) return;
      observer.disconnect();
      location.reload();
    });
    observer.observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}

const learnt = { Steps: steps, 'Learning rate': 0.01, 'Context length': 48, 'Sample every': 10 };

/** Downloads the checkpoint; resolves to where it lies, and the losses that are in it. */
async function download(page: Page): Promise<{ path: string; losses: number[] }> {
  const [file] = await Promise.all([page.waitForEvent('download'), button(page, 'Download the checkpoint').click()]);
  const path = join(built.folder, file.suggestedFilename());
  await file.saveAs(path);
  const content = unzipSync(new Uint8Array(await readFile(path)));
  const { history } = JSON.parse(strFromU8(content['run.json'] as Uint8Array)) as { history: { losses: number[] } };
  return { path, losses: history.losses };
}

it('learns a text, after a reload with the losses of a run that was not interrupted', async () => {
  const context = await built.browser.newContext({ viewport: { width: 1200, height: 900 } });
  const page = await built.open('backend=cpu', built.server, context);
  await built.openModel(page);
  await page.getByText('Train the model on a text').click();
  await startTraining(page, sampleText.repeat(40), learnt);
  await finished(page);
  const whole = await download(page);
  expect(whole.losses).toHaveLength(steps);
  expect(whole.losses.at(-1)).toBeLessThan(0.7 * (whole.losses[0] as number));
  expect(await page.getByTestId('samples').locator('li').count()).toBe(4);

  // Once more; the page goes away in the middle.
  await button(page, 'Discard the run').click();
  const reloaded = page.waitForEvent('load');
  await reloadAfterElevenSteps(page);
  await startTraining(page, sampleText.repeat(40), learnt);
  await reloaded;
  await phase(page).getByText('Paused').waitFor();
  await button(page, 'Resume training').click();
  await finished(page);
  const resumed = await download(page);
  expect(resumed.losses).toEqual(whole.losses);

  // The trained model continues texts; its checkpoint comes back from the file.
  await button(page, 'Use this model').click();
  await page.getByTestId('model').getByText(`trained for ${steps} steps`).waitFor();
  await ready(page);
  await page.locator('textarea').first().fill('The whale');
  await continueText(page);
  await button(page, 'Discard the run').click();
  await button(page, 'Start training').waitFor();
  await page.getByLabel('Files of a checkpoint').setInputFiles(whole.path);
  await finished(page);
  expect((await download(page)).losses).toEqual(whole.losses);
  expect(complaints.get(page)).toEqual([]);
  await context.close();
});

it('learns on WebGPU too', async () => {
  const page = await built.open('backend=webgpu');
  await built.openModel(page);
  await page.getByText('Train the model on a text').click();
  await startTraining(page, sampleText.repeat(40), { ...learnt, Steps: 20 });
  await page
    .getByText(/set apart to measure on/)
    .filter({ hasNotText: 'WebAssembly' })
    .waitFor();
  await finished(page);
  const { losses } = await download(page);
  expect(losses).toHaveLength(20);
  expect(losses.at(-1)).toBeLessThan(0.9 * (losses[0] as number));
  expect(complaints.get(page)).toEqual([]);
  await button(page, 'Discard the run').click();
  await page.close();
});

it('pauses, and says what cannot be trained on', async () => {
  const page = await built.open();
  await built.openModel(page);
  await page.getByText('Train the model on a text').click();
  const alert = page.getByRole('alert');
  await startTraining(page, 'Too short.', { 'Context length': 48 });
  await alert.getByText('The text is too short to train on.').waitFor();
  await startTraining(page, sampleText.repeat(40), { Steps: 9000 });
  await alert.waitFor({ state: 'detached' });
  await phase(page)
    .getByText(/Training: .* step [1-9]/)
    .waitFor();
  await button(page, 'Pause training').click();
  await phase(page).getByText('Paused').waitFor();
  await button(page, 'Discard the run').click();
  await button(page, 'Start training').waitFor();
  await page.getByLabel('Files of a checkpoint').setInputFiles(join(built.folder, 'model', 'config.json'));
  await alert.getByText('This is no checkpoint of this page.').waitFor();
  await page.close();
});
