// The routes: one for each folder of views/. They are kept in the hash of the URL, so that the server needs no rewrite
// rules and the page works below any path.

import { createRouter, createWebHashHistory, type RouteRecordRaw } from "vue-router";
import CreateView from "./views/create/CreateView.vue";

export const views = ["create", "gallery", "models", "assistant", "system"] as const;
export type View = (typeof views)[number];

const routes: RouteRecordRaw[] = [
  { path: "/", redirect: "/create" },
  { path: "/create", name: "create", component: CreateView },
  { path: "/gallery/:job?", name: "gallery", component: () => import("./views/gallery/GalleryView.vue") },
  {
    path: "/models",
    name: "models",
    component: () => import("./views/models/ModelsView.vue"),
    children: [
      { path: "", component: () => import("./views/models/ModelList.vue") },
      { path: "get", component: () => import("./views/models/get/GetView.vue") },
      { path: "upkeep", component: () => import("./views/models/upkeep/UpkeepView.vue") },
    ],
  },
  { path: "/assistant", name: "assistant", component: () => import("./views/assistant/AssistantView.vue") },
  { path: "/system", name: "system", component: () => import("./views/system/SystemView.vue") },
  { path: "/:unknown(.*)*", redirect: "/create" },
];

export const router = createRouter({ history: createWebHashHistory(), routes });
