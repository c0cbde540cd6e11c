// The engine's samplers and schedulers by the names that other programs have for them.

export interface Known {
  samplers: readonly string[];
  schedulers: readonly string[];
}

/** Other names, simplified -> the engine's. */
const SAMPLERS: Record<string, string> = { gradientestimation: "euler_ge", dpmpp2mv2: "dpm++2mv2" };
const SCHEDULERS: Record<string, string> = {
  normal: "discrete",
  uniform: "discrete",
  default: "discrete",
  alignyoursteps: "ays",
  alignyoursteps11: "ays",
  alignyourstepsgits: "gits",
  polyexponential: "exponential", // with rho 1, which is A1111's, they are the same
  native: "discrete",
};
/** What A1111 means by the schedule type Automatic; discrete for all others. */
const AUTOMATIC: Record<string, string> = {
  "dpm++2m": "karras",
  "dpm++2s_a": "karras",
  dpm2: "karras",
  "dpm++2m_sde": "exponential",
};

/** What is left of a name when spelling does not count: "DPM++ 2M SDE", "dpmpp_2m_sde_gpu" and "k_dpmpp_2m_sde" are one. */
const simplify = (name: string): string =>
  name
    .toLowerCase()
    .replace(/^(sample_)?(k_|k(?=dpm))/, "")
    .replace(/dpm\+\+/g, "dpmpp")
    .replace(/ancestral/g, "a")
    .replace(/_gpu$/, "")
    .replace(/[\s_()-]/g, "");

const find = (simple: string, names: readonly string[], others: Record<string, string>): string | undefined =>
  names.find((name) => simplify(name) === simple) ??
  names.find((name) => name === others[simple] || name === simple);

/** The engine's name of a scheduler. `sampler` is the engine's: "Automatic" depends on it. */
export function findScheduler(name: string, known: Known, sampler?: string): string | undefined {
  const simple = simplify(name);
  if (simple !== "automatic") return find(simple, known.schedulers, SCHEDULERS);
  const meant = AUTOMATIC[sampler ?? ""] ?? "discrete";
  return known.schedulers.includes(meant) ? meant : undefined;
}

/** The engine's name of a sampler, and of the scheduler that older programs put behind it: "DPM++ 2M Karras". */
export function findSampler(name: string, known: Known): { sampler?: string; scheduler?: string } {
  const simple = simplify(name);
  const sampler = find(simple, known.samplers, SAMPLERS);
  if (sampler) return { sampler };
  // InvokeAI writes only a k for Karras.
  if (/_k$/.test(name)) return findWithScheduler(simple.slice(0, -1), "karras", known);
  for (const scheduler of [...known.schedulers, ...Object.keys(SCHEDULERS)]) {
    const ending = simplify(scheduler);
    if (!simple.endsWith(ending)) continue;
    const found = findWithScheduler(simple.slice(0, -ending.length), scheduler, known);
    if (found.sampler) return found;
  }
  return {};
}

function findWithScheduler(
  simple: string,
  scheduler: string,
  known: Known,
): { sampler?: string; scheduler?: string } {
  const sampler = find(simple, known.samplers, SAMPLERS);
  return sampler ? { sampler, scheduler: findScheduler(scheduler, known) } : {};
}
