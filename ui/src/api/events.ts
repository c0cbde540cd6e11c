// The server's events, over a WebSocket that comes back by itself. A hidden page gives its socket up.

import { ref } from "vue";
import { socketAddress } from "./urls";
import type { Health, Job, JobStatus, JobType } from "./client";

export interface Events {
  job_added: { job_id: string; type: JobType; queue_position: number };
  job_status_changed: {
    job_id: string;
    status: JobStatus;
    previous_status: JobStatus;
    outputs: string[];
    started_at?: string;
    completed_at?: string;
    error?: string;
  };
  job_progress: Job["progress"] & { job_id: string };
  job_preview: { job_id: string; image: string; step: number; frame_count: number; mode: string };
  job_deleted: { job_id: string };
  job_restored: { job_id: string };
  download_progress: {
    job_id: string;
    bytes_done: number;
    bytes_total: number | null;
    bytes_per_second: number;
    seconds_left: number | null;
  };
  model_loading_progress: { model_name: string; step: number; total_steps: number };
  model_loaded: { model_name: string };
  model_load_failed: { model_name: string; error: string };
  model_unloaded: { model_name: string };
  upscaler_loaded: { model_name: string };
  upscaler_unloaded: { model_name: string };
  worker_joined: { name: string };
  worker_left: { name: string };
  server_status: Health & Record<`${JobStatus | "total"}_count`, number>;
  /** Not the server's: the socket is open (again), so what was missed must be fetched. */
  connected: undefined;
}

type Name = keyof Events;
type Handler<N extends Name> = (data: Events[N]) => void;

const handlers = new Map<Name, Set<Handler<never>>>();

/** Hear an event from now on; the answer stops it. */
export function on<N extends Name>(name: N, handler: Handler<N>): () => void {
  const all = handlers.get(name) ?? new Set();
  handlers.set(name, all.add(handler as Handler<never>));
  return () => all.delete(handler as Handler<never>);
}

function tell<N extends Name>(name: N, data: Events[N]): void {
  for (const handler of handlers.get(name) ?? []) (handler as Handler<N>)(data);
}

export const connection = ref<"connecting" | "open" | "lost">("connecting");

const HIDDEN_MS = 10_000; // a glance at another tab is no reason to hang up
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

let socket: WebSocket | null = null;
let wait = FIRST_WAIT_MS;
let timer: number | undefined;

function open(): void {
  clearTimeout(timer);
  if (socket || document.hidden) return;
  socket = new WebSocket(socketAddress());
  socket.onopen = () => {
    wait = FIRST_WAIT_MS;
    connection.value = "open";
    tell("connected", undefined);
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data as string) as { event: Name; data: never };
    tell(message.event, message.data);
  };
  socket.onclose = () => {
    socket = null;
    if (document.hidden) return;
    connection.value = "lost";
    timer = window.setTimeout(open, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  };
}

function visibilityChanged(): void {
  clearTimeout(timer);
  if (document.hidden) timer = window.setTimeout(() => socket?.close(), HIDDEN_MS);
  else open();
}

/** Connect, and stay connected while the page is looked at. */
export function connect(): void {
  document.addEventListener("visibilitychange", visibilityChanged);
  window.addEventListener("online", open);
  open();
}
