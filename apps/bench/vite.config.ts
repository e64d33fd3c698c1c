import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The page is static: serve dist from any path. Isolated where it can be (threads); without, it runs on one thread.
const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineConfig({
  base: './',
  plugins: [react()],
  build: { target: 'es2023', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  worker: { format: 'es' },
  server: { headers: isolated },
  preview: { headers: isolated },
});
