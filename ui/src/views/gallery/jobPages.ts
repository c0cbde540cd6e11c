// The whole queue, of any length: pages are fetched when they come into view.

import { reactive, ref } from "vue";
import { api, ask, type Job } from "../../api/client";
import { on } from "../../api/events";
import { attempt } from "../../state/toasts";

export interface Filters {
  search?: string;
  status?: Job["status"];
  type?: Job["type"];
  model?: string;
  trash?: boolean;
}

export const PAGE = 100;
const SETTLE_MS = 300; // several events in a row cost one request

export interface Pages {
  total: { value: number };
  at: (index: number) => Job | undefined;
  /** Where a job stands, among those that were fetched; -1 when it is not. */
  placeOf: (id: string) => number;
  /** The job at a place, fetched when it has to be. */
  reach: (index: number) => Promise<Job | undefined>;
  /** These places come into view. */
  show: (first: number, last: number) => void;
  /** Other jobs are wanted from now on. */
  filter: (filters: Filters) => void;
  stop: () => void;
}

export function pagesOf(): Pages {
  const total = ref(0);
  const pages = reactive(new Map<number, Job[]>());
  const asked = new Map<number, Promise<boolean>>();
  let filters: Filters = {};
  let seen: [number, number] = [0, PAGE];
  let round = 0;
  let timer: number | undefined;

  function fetchPage(page: number): Promise<boolean> {
    const known = asked.get(page);
    if (known) return known;
    const mine = round;
    const query = { ...filters, limit: PAGE, offset: page * PAGE };
    const fetching = attempt(async () => {
      const found = await ask(api.GET("/queue", { params: { query } }));
      if (mine !== round) return; // the filters have changed meanwhile
      total.value = found.matching_count ?? found.total_count;
      pages.set(page, found.items);
    });
    asked.set(page, fetching);
    return fetching;
  }

  function show(first: number, last: number): void {
    seen = [first, last];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) void fetchPage(page);
  }

  /** Fetch anew what is looked at; the rest when it is looked at again. What is shown stays until then. */
  function again(): void {
    round++;
    asked.clear();
    show(...seen);
  }

  const later = (): void => {
    clearTimeout(timer);
    timer = window.setTimeout(again, SETTLE_MS);
  };
  const ended = (
    ["connected", "job_added", "job_status_changed", "job_deleted", "job_restored"] as const
  ).map((name) => on(name, later));

  const at = (index: number): Job | undefined => pages.get(Math.floor(index / PAGE))?.[index % PAGE];

  function placeOf(id: string): number {
    for (const [page, jobs] of pages) {
      const index = jobs.findIndex(({ job_id }) => job_id === id);
      if (index >= 0) return page * PAGE + index;
    }
    return -1;
  }

  async function reach(index: number): Promise<Job | undefined> {
    if (index < 0 || index >= total.value) return undefined;
    if (!at(index)) await fetchPage(Math.floor(index / PAGE));
    return at(index);
  }

  return {
    total,
    at,
    placeOf,
    reach,
    show,
    filter: (wanted) => {
      filters = wanted;
      pages.clear();
      seen = [0, PAGE];
      again();
    },
    stop: () => {
      clearTimeout(timer);
      for (const end of ended) end();
    },
  };
}
