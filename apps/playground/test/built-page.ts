/** The built page on a server, a browser, and a made model: what each test file of the page begins with. */

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { expect } from 'vitest';
import { writeMadeModel } from './made-model.ts';
import { type StaticServer, serveFolder } from './static-server.ts';

/** What the page complained of, beside what it says itself. */
export const complaints = new WeakMap<Page, string[]>();

export class BuiltPage {
  readonly folder: string;
  readonly server: StaticServer;
  readonly browser: Browser;

  private constructor(folder: string, server: StaticServer, browser: Browser) {
    this.folder = folder;
    this.server = server;
    this.browser = browser;
  }

  static async start(): Promise<BuiltPage> {
    const folder = await mkdtemp(join(tmpdir(), 'inattention-playground-'));
    await writeMadeModel(join(folder, 'model'));
    const conditions = ['@inattention/source', 'module', 'browser', 'production'];
    await build({
      root: fileURLToPath(new URL('..', import.meta.url)),
      logLevel: 'error',
      resolve: { conditions },
      build: { outDir: join(folder, 'dist'), emptyOutDir: true },
    });
    // Also at an address of its own, for what is downloaded.
    await cp(join(folder, 'model'), join(folder, 'dist', 'model'), { recursive: true });
    const server = await serveFolder(join(folder, 'dist'), '/some/where/', true);
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
    });
    return new BuiltPage(folder, server, browser);
  }

  async end(): Promise<void> {
    await this.browser.close();
    this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Opens the page without a model, so that each test opens the one it is about. */
  async open(query = 'backend=cpu', { url }: StaticServer = this.server, context?: BrowserContext): Promise<Page> {
    const page = await (context ?? this.browser).newPage(context ? {} : { viewport: { width: 1200, height: 900 } });
    const heard: string[] = [];
    complaints.set(page, heard);
    page.on('pageerror', (error) => heard.push(error.message));
    page.on('console', (message) => message.type() === 'error' && heard.push(message.text()));
    await page.goto(`${url}?model=none&${query}`);
    return page;
  }

  async openModel(page: Page): Promise<void> {
    const names = ['config.json', 'model.safetensors', 'tokenizer.json'];
    const files = names.map((name) => join(this.folder, 'model', name));
    await page.getByLabel('Files of a model, or texts').setInputFiles(files);
    await page.getByText('vocabulary of 300').waitFor();
    await ready(page);
  }
}

/** What happens when a page gets to it, on a machine that is busy. */
export const patient = { timeout: 30_000 };

export const ready = (page: Page) => page.getByTestId('status').getByText('Ready.').waitFor();
export const text = (page: Page) => page.locator('textarea').last();

export async function tokens(page: Page): Promise<number> {
  return Number((await page.getByTestId('tokens').textContent())?.replaceAll(',', ''));
}

/** Does something that changes the context, and waits until the page knows what comes next. */
export async function changing(page: Page, action: () => Promise<void>): Promise<void> {
  const report = async () => (await page.getByTestId('change').allTextContents()).join();
  const before = await report();
  await action();
  await expect.poll(report, patient).not.toBe(before);
  await ready(page);
}

export const write = (page: Page, content: string) => changing(page, () => text(page).fill(content));

export async function continueText(page: Page): Promise<void> {
  await page.getByLabel('Tokens', { exact: true }).fill('12');
  await page.getByRole('button', { name: 'Continue the text' }).click();
  await page.getByTestId('generation').getByText('(length)').waitFor();
  await ready(page);
}
