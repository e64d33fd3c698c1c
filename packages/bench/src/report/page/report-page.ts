/**
 * The page around a report: one self-contained HTML file that loads nothing and runs no script; its policy says so. Node
 * only; linkedom is loaded when a page is made.
 */

import { createHash } from 'node:crypto';
import { element } from './element.ts';
import { style } from './style.ts';

export interface ReportPage {
  /** Of the window, fixed: linkedom writes the text of <title> as it is, as it does that of <style>. */
  readonly windowTitle: 'InAttention context sweep' | 'InAttention quality' | 'InAttention switching';
  readonly heading: string;
  readonly introduction: string;
  /** What follows the heading. */
  readonly content: (document: Document) => Promise<readonly Element[]>;
}

/** The page, as text. */
export async function reportPage({ windowTitle, heading, introduction, content }: ReportPage): Promise<string> {
  const { parseHTML } = await import('linkedom');
  const { document } = parseHTML('<!doctype html><html lang="en"><head></head><body></body></html>');
  const make = element.bind(null, document);
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  document.head.append(
    make('meta', { charset: 'utf-8' }),
    make('meta', { 'http-equiv': 'Content-Security-Policy', content: policy }),
    make('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    make('title', {}, [windowTitle]),
    make('style', {}, [style]),
  );
  document.body.append(
    make('header', {}, [make('h1', {}, [heading]), make('p', {}, [introduction])]),
    make('main', {}, await content(document)),
  );
  return `<!doctype html>\n${document.documentElement.outerHTML}\n`;
}
