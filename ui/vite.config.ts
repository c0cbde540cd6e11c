import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

// Where `sdcpp serve` listens while the page is developed with `npm run dev`.
const server = process.env.SDCPP_URL ?? "http://127.0.0.1:8080";
const ROUTES =
  "^/(health|models|queue|txt2img|img2img|txt2vid|upscale|upscaler|convert|plan|options|architectures|preview|output|thumb|ollama|assistant|ws|docs|openapi.json|static-offline-docs)";

export default defineConfig({
  base: "./", // the page works behind any prefix
  plugins: [vue()],
  build: {
    outDir: "../src/sdcpp_restapi/ui/static",
    emptyOutDir: true,
    assetsInlineLimit: 0, // no data: URLs, so that the Content-Security-Policy stays strict
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.md" }, // of the packages in it, which want theirs to come along
  },
  server: { proxy: { [ROUTES]: { target: server, ws: true, changeOrigin: true } } },
  test: { environment: "happy-dom", include: ["src/**/*.test.ts"] },
});
