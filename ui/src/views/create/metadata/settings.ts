// What the metadata of a picture tells: fields of a request, and what of it can't be a field.

import { readNumber } from "../../../api/exactJson";
import { findSampler, findScheduler, type Known } from "./samplerNames";

export interface Import {
  settings: Record<string, unknown>;
  /** What was understood and is not known here, for people: "sampler Restart". */
  unknown: string[];
}

/** Collects the settings of a picture; values of the wrong kind are left out. */
export class Collector {
  readonly found: Import = { settings: {}, unknown: [] };

  constructor(private readonly known: Known) {}

  addText(field: string, value: unknown): void {
    if (typeof value === "string" && value.trim()) this.found.settings[field] = value.trim();
  }

  addNumber(field: string, value: unknown): void {
    if (typeof value !== "number" && typeof value !== "string") return;
    const number = readNumber(String(value));
    if (String(value).trim() && !Number.isNaN(number)) this.found.settings[field] = number;
  }

  /** "512x768", also with other signs between the numbers: "(512, 768)". */
  addSize(value: unknown, width = "width", height = "height"): void {
    const size = /^\D*(\d+)\D+(\d+)\D*$/.exec(String(value));
    if (size) Object.assign(this.found.settings, { [width]: Number(size[1]), [height]: Number(size[2]) });
  }

  /** Sampler and scheduler by the names of any program. */
  addSampler(sampler: unknown, scheduler?: unknown): void {
    const found = typeof sampler === "string" && sampler ? findSampler(sampler, this.known) : {};
    if (typeof sampler === "string" && sampler && !found.sampler)
      this.found.unknown.push(`sampler ${sampler}`);
    if (found.sampler) this.found.settings.sampler = found.sampler;
    const own =
      typeof scheduler === "string" && scheduler
        ? findScheduler(scheduler, this.known, found.sampler)
        : undefined;
    if (typeof scheduler === "string" && scheduler && !own) this.found.unknown.push(`scheduler ${scheduler}`);
    const meant = own ?? found.scheduler;
    if (meant) this.found.settings.scheduler = meant;
  }

  addChoice(field: string, value: string, choices: readonly string[], label: string): void {
    const choice = choices.find((one) => one === value.toLowerCase());
    if (choice) this.found.settings[field] = choice;
    else this.found.unknown.push(`${label} ${value}`);
  }
}
