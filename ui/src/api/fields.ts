// The fields of requests: type, default, bounds and description, generated from the server's OpenAPI description.

import generated from "./fields.json";

export interface Field {
  type?: string;
  default?: unknown;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  maxItems?: number;
  description?: string;
  enum?: string[];
  /** Set by a form instead of the generated label, or instead of `enum` when values have texts of their own. */
  label?: string;
  choices?: Choice[];
}

export interface Choice {
  value: string;
  label: string;
}

const forms = generated as unknown as Record<string, Record<string, Field>>;

export const getFields = (form: string): Record<string, Field> => forms[form] ?? {};

/** The given ones of a form's fields, in the given order; names that the form does not have are skipped. */
export function pickFields(fields: Record<string, Field>, names: readonly string[]): Record<string, Field> {
  return Object.fromEntries(names.flatMap((name) => (fields[name] ? [[name, fields[name]]] : [])));
}

export type Widget = "check" | "number" | "list" | "choice" | "text" | "json";

/** The input element that suits a field. */
export function chooseWidget(name: string, field: Field): Widget {
  if (name === "adetail") return "json"; // a list of objects
  if (field.choices || field.enum || /(^|_)(sampler|scheduler)$/.test(name)) return "choice";
  switch (field.type) {
    case "boolean":
      return "check";
    case "integer":
    case "number":
      return "number";
    case "array":
      return "list";
    case "string":
      return "text";
    default:
      return "json";
  }
}

/** The smallest allowed value of a number. */
export function getMinimum({ type, minimum, exclusiveMinimum }: Field): number | undefined {
  // The server rejects an exclusive bound itself, but HTML inputs know inclusive bounds only.
  return type === "integer" && exclusiveMinimum !== undefined
    ? exclusiveMinimum + 1
    : (minimum ?? exclusiveMinimum);
}

const isFraction = (field: Field): boolean => field.minimum === 0 && field.maximum === 1;

/** Sliders show the commonly used part of a wide range; other numbers can be typed. Minimum, maximum, step. */
const SLIDER_RANGES: Record<string, [number, number, number]> = {
  steps: [1, 60, 1],
  cfg_scale: [1, 20, 0.5],
  distilled_guidance: [0, 10, 0.1],
  video_frames: [1, 121, 4],
  high_noise_steps: [1, 60, 1],
};

export interface Slider {
  min: number;
  max: number;
  step: number;
}

/** The range of the slider, for fields that have one. */
export function getSlider(name: string, field: Field): Slider | undefined {
  const [min, max, step] = SLIDER_RANGES[name] ?? (isFraction(field) ? [0, 1, 0.01] : []);
  return min === undefined ? undefined : { min, max: max!, step: step! };
}
