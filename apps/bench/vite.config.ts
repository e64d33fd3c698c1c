import { defineConfig } from 'vite';

// The page is static: serve dist from anywhere. Relative paths, ES modules in workers, no inlined scripts.
export default defineConfig({
  base: './',
  build: { target: 'es2023', modulePreload: { polyfill: false } },
  worker: { format: 'es' },
});
