import { createApp } from "vue";
import App from "./App.vue";
import { connect } from "./api/events";
import { replaceStoredKey } from "./api/session";
import { router } from "./router";
import "./state/jobs";
import { setNavigation } from "./state/jobEndToasts";
import { refresh } from "./state/server";
import "./state/theme";
import "./style/tokens.css";
import "./style/base.css";
import "./style/controls.css";

setNavigation({
  getCurrentView: () => String(router.currentRoute.value.matched[0]?.name),
  openJob: (id) => void router.push(`/gallery/${id}`),
});
void replaceStoredKey().then(() => {
  createApp(App).use(router).mount("#app");
  void refresh();
  connect();
});
