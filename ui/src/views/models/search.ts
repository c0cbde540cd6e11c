// The search for models.

import type { Model } from "../../state/models";

/** Whether a model has every word of the query in its name, title, architecture, quantization, trigger words,
 * tags or notes. */
export function matches(model: Model, query: string): boolean {
  const text = [
    model.name,
    model.title,
    model.architecture,
    model.quantization,
    ...model.trigger_words,
    ...model.tags,
    model.notes,
  ]
    .join(" ")
    .toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
