// A list of jobs of any length, of which only the pages that become visible are fetched.

import { reactive, ref } from "vue";
import { api, unwrap, type Job } from "../../api/client";
import { on } from "../../api/events";
import { attempt } from "../../state/toasts";

export interface Filters {
  search?: string;
  status?: Job["status"];
  type?: Job["type"];
  model?: string;
  trash?: boolean;
}

export const PAGE_SIZE = 100;
const DEBOUNCE_MS = 300; // several events in a row cause one request

export interface JobPages {
  total: { value: number };
  at: (index: number) => Job | undefined;
  /** The index of a job; -1 when it is not on a fetched page. */
  findIndex: (id: string) => number;
  /** The job at an index; its page is fetched if necessary. */
  fetchAt: (index: number) => Promise<Job | undefined>;
  /** Fetch the pages of these indexes, which are now visible. */
  show: (first: number, last: number) => void;
  /** Replace the list by one with other filters. */
  filter: (filters: Filters) => void;
  stop: () => void;
}

export function createJobPages(): JobPages {
  const total = ref(0);
  const pages = reactive(new Map<number, Job[]>());
  const requests = new Map<number, Promise<boolean>>();
  let filters: Filters = {};
  let visible: [number, number] = [0, PAGE_SIZE];
  let generation = 0; // of the filters and data; responses of an older one are ignored
  let timer: number | undefined;

  function fetchPage(page: number): Promise<boolean> {
    const pending = requests.get(page);
    if (pending) return pending;
    const requested = generation;
    const query = { ...filters, limit: PAGE_SIZE, offset: page * PAGE_SIZE };
    const request = attempt(async () => {
      const found = await unwrap(api.GET("/queue", { params: { query } }));
      if (requested !== generation) return;
      total.value = found.matching_count ?? found.total_count;
      pages.set(page, found.items);
    });
    requests.set(page, request);
    return request;
  }

  function show(first: number, last: number): void {
    visible = [first, last];
    for (let page = Math.floor(first / PAGE_SIZE); page <= Math.floor(last / PAGE_SIZE); page++)
      void fetchPage(page);
  }

  /** Fetch the visible pages again, and the others when they become visible. Until then old data stays on the screen. */
  function refetch(): void {
    generation++;
    requests.clear();
    show(...visible);
  }

  const scheduleRefetch = (): void => {
    clearTimeout(timer);
    timer = window.setTimeout(refetch, DEBOUNCE_MS);
  };
  const unsubscribe = (
    ["connected", "job_added", "job_status_changed", "job_deleted", "job_restored"] as const
  ).map((name) => on(name, scheduleRefetch));

  const at = (index: number): Job | undefined =>
    pages.get(Math.floor(index / PAGE_SIZE))?.[index % PAGE_SIZE];

  function findIndex(id: string): number {
    for (const [page, jobs] of pages) {
      const index = jobs.findIndex(({ job_id }) => job_id === id);
      if (index >= 0) return page * PAGE_SIZE + index;
    }
    return -1;
  }

  async function fetchAt(index: number): Promise<Job | undefined> {
    if (index < 0 || index >= total.value) return undefined;
    if (!at(index)) await fetchPage(Math.floor(index / PAGE_SIZE));
    return at(index);
  }

  return {
    total,
    at,
    findIndex,
    fetchAt,
    show,
    filter: (newFilters) => {
      filters = newFilters;
      pages.clear();
      visible = [0, PAGE_SIZE];
      refetch();
    },
    stop: () => {
      clearTimeout(timer);
      for (const stop of unsubscribe) stop();
    },
  };
}
