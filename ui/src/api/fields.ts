// What is known of the fields of requests: type, default, bounds and meaning, from the server's own description.

import described from "./fields.json";

export interface Field {
  type?: string;
  default?: unknown;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  maxItems?: number;
  description?: string;
  enum?: string[];
}

const forms = described as unknown as Record<string, Record<string, Field>>;

export const fieldsOf = (form: string): Record<string, Field> => forms[form] ?? {};

export type Widget = "check" | "number" | "list" | "choice" | "text" | "json";

/** How a field is edited. */
export function widgetOf(name: string, field: Field): Widget {
  if (field.enum || /(^|_)(sampler|scheduler)$/.test(name)) return "choice";
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

/** The smallest value that a number may have. */
export function least({ type, minimum, exclusiveMinimum }: Field): number | undefined {
  // Of what must be greater than a bound, the server refuses the bound itself.
  return type === "integer" && exclusiveMinimum !== undefined
    ? exclusiveMinimum + 1
    : (minimum ?? exclusiveMinimum);
}

const isFraction = (field: Field): boolean => field.minimum === 0 && field.maximum === 1;

/** What people use of wide ranges; any other number can be typed. Lowest, highest, step. */
const USED: Record<string, [number, number, number]> = {
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

/** The slider of a number, for those that have one. */
export function sliderOf(name: string, field: Field): Slider | undefined {
  const [min, max, step] = USED[name] ?? (isFraction(field) ? [0, 1, 0.01] : []);
  return min === undefined ? undefined : { min, max: max!, step: step! };
}
