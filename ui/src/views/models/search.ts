// Finding a model by what people remember of it.

import type { Model } from "../../state/models";

/** Whether every word of the text is in the name, the title, the trigger words or the architecture. */
export function matches(model: Model, text: string): boolean {
  const told = [model.name, model.title, model.architecture, model.quantization, ...model.trigger_words]
    .join(" ")
    .toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => told.includes(word));
}
