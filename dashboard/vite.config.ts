import { defineConfig } from 'vitest/config';

// Built files are committed and compared by CI, so a name depends on content alone, and nothing that differs between two
// machines (source maps with paths, inlined data) goes into them.
export default defineConfig({
  base: '/',
  publicDir: false,
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2022',
    outDir: 'dist',
    manifest: true,
    sourcemap: false,
    // The page's policy allows no data: address and no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { app: 'index.html', vote: 'src/vote.ts' },
      output: {
        entryFileNames: 'assets/[name]-[hash].js',
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
  plugins: [
    {
      // The page is empty until the script has run, and the script sets the theme: painting before it would only flash.
      name: 'paint-after-the-script',
      transformIndexHtml: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
    },
  ],
  // Units only; what needs a browser lies in tests/browser.
  test: { include: ['tests/*.test.ts'] },
  // For work on the page: the answers come from an API started by `make run`.
  server: { proxy: { '/v1': 'http://127.0.0.1:8080', '/vote': 'http://127.0.0.1:8080' } },
});
