import { createApp } from "vue";
import App from "./App.vue";
import { fetchPictureCookie } from "./api/client";
import { connect } from "./api/events";
import { router } from "./router";
import "./state/jobs";
import { setNavigation } from "./state/jobEndToasts";
import { refresh } from "./state/server";
import "./state/theme";
import "./style/tokens.css";
import "./style/base.css";
import "./style/controls.css";

setNavigation({
  getCurrentView: () => String(router.currentRoute.value.name),
  openJob: (id) => void router.push(`/gallery/${id}`),
});
void fetchPictureCookie().then(() => {
  createApp(App).use(router).mount("#app");
  void refresh();
  connect();
});
