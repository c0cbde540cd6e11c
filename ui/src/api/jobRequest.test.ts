import { expect, test } from "vitest";
import type { Job } from "./client";
import { getRequestPath } from "./jobRequest";

const job = (type: Job["type"], params: Job["params"]): Job => ({ type, params }) as Job;

test("a job is started at the path of its type, a download at that of files or of sets", () => {
  expect(getRequestPath(job("txt2img", { prompt: "a cat" }))).toBe("txt2img");
  expect(getRequestPath(job("model_download", { url: "https://x.example/a.gguf" }))).toBe("models/download");
  expect(getRequestPath(job("model_download", { set: "sdxl", variant: "f16" }))).toBe("models/pull");
});
