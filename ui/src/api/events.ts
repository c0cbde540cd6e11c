// The server's events, received over a WebSocket that reconnects by itself. A page in a hidden tab closes its socket,
// because nobody sees what the events would change.

import { ref } from "vue";
import type { Health, Job, JobStatus, JobType } from "./client";
import { parseJson } from "./exactJson";
import { buildSocketUrl } from "./urls";

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
    /** Of a download of several files: the one that arrives now. */
    file?: string | null;
  };
  model_loading_progress: { model_name: string; step: number; total_steps: number };
  model_loaded: { model_name: string };
  model_load_failed: { model_name: string; error: string };
  model_unloaded: { model_name: string; slot?: string; reason?: "idle" | "memory" | "lost" };
  upscaler_loaded: { model_name: string };
  upscaler_unloaded: { model_name: string };
  worker_joined: { name: string };
  worker_left: { name: string };
  server_status: Health & Record<`${JobStatus | "total"}_count`, number>;
  /** Not sent by the server: the socket has been opened or reopened, so missed changes must be fetched. */
  connected: undefined;
  /** Not sent by the server either: the socket is closed. */
  disconnected: undefined;
}

type Name = keyof Events;
type Handler<N extends Name> = (data: Events[N]) => void;

const handlers = new Map<Name, Set<Handler<never>>>();

/** Subscribe to an event; the returned function unsubscribes. */
export function on<N extends Name>(name: N, handler: Handler<N>): () => void {
  const subscribed = handlers.get(name) ?? new Set();
  handlers.set(name, subscribed.add(handler as Handler<never>));
  return () => subscribed.delete(handler as Handler<never>);
}

function emit<N extends Name>(name: N, data: Events[N]): void {
  for (const handler of handlers.get(name) ?? []) (handler as Handler<N>)(data);
}

export const connection = ref<"connecting" | "open" | "lost">("connecting");

const HIDDEN_MS = 10_000; // a short look at another tab should not cost a reconnect
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;

let socket: WebSocket | null = null;
let reconnectDelay = FIRST_DELAY_MS;
let timer: number | undefined;

function open(): void {
  clearTimeout(timer);
  if (socket || document.hidden) return;
  socket = new WebSocket(buildSocketUrl());
  socket.onopen = () => {
    reconnectDelay = FIRST_DELAY_MS;
    connection.value = "open";
    emit("connected", undefined);
  };
  socket.onmessage = ({ data }) => {
    const message = parseJson(data as string) as { event: Name; data: never };
    emit(message.event, message.data);
  };
  socket.onclose = () => {
    socket = null;
    if (document.hidden) return;
    connection.value = "lost";
    emit("disconnected", undefined);
    timer = window.setTimeout(open, reconnectDelay);
    reconnectDelay = Math.min(2 * reconnectDelay, MAX_DELAY_MS);
  };
}

function onVisibilityChange(): void {
  clearTimeout(timer);
  if (document.hidden) timer = window.setTimeout(() => socket?.close(), HIDDEN_MS);
  else open();
}

/** Connect, and stay connected as long as the page is visible. */
export function connect(): void {
  document.addEventListener("visibilitychange", onVisibilityChange);
  window.addEventListener("online", open);
  open();
}
