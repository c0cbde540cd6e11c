// The whole queue, of any length: pages are fetched when they come into view.

import { reactive, ref } from "vue";
import { api, ask, type Job } from "../api/client";
import { on } from "../api/events";
import { attempt } from "../state/toasts";

export interface Filters {
  search?: string;
  status?: Job["status"];
  type?: Job["type"];
}

export const PAGE = 100;
const SETTLE_MS = 300; // several events in a row cost one request

export interface Pages {
  total: { value: number };
  at: (index: number) => Job | undefined;
  /** These places come into view. */
  show: (first: number, last: number) => void;
  /** Other jobs are wanted from now on. */
  filter: (filters: Filters) => void;
  stop: () => void;
}

export function pagesOf(): Pages {
  const total = ref(0);
  const pages = reactive(new Map<number, Job[]>());
  const asked = new Set<number>();
  let filters: Filters = {};
  let seen: [number, number] = [0, PAGE];
  let round = 0;
  let timer: number | undefined;

  async function fetchPage(page: number): Promise<void> {
    if (asked.has(page)) return;
    asked.add(page);
    const mine = round;
    const query = { ...filters, limit: PAGE, offset: page * PAGE };
    await attempt(async () => {
      const found = await ask(api.GET("/queue", { params: { query } }));
      if (mine !== round) return; // the filters have changed meanwhile
      total.value = found.matching_count ?? found.total_count;
      pages.set(page, found.items);
    });
  }

  function show(first: number, last: number): void {
    seen = [first, last];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) void fetchPage(page);
  }

  /** Fetch anew what is looked at; the rest when it is looked at again. What is shown stays until then. */
  function again(): void {
    round++;
    asked.clear();
    const kept = [Math.floor(seen[0] / PAGE), Math.floor(seen[1] / PAGE)];
    for (const page of pages.keys()) if (page < kept[0]! || page > kept[1]!) pages.delete(page);
    show(...seen);
  }

  const later = (): void => {
    clearTimeout(timer);
    timer = window.setTimeout(again, SETTLE_MS);
  };
  const ended = (
    ["connected", "job_added", "job_status_changed", "job_deleted", "job_restored"] as const
  ).map((name) => on(name, later));

  return {
    total,
    at: (index) => pages.get(Math.floor(index / PAGE))?.[index % PAGE],
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
