import { createApp } from "vue";
import App from "./App.vue";
import { connect } from "./api/events";
import { router } from "./router";
import { refresh } from "./state/server";
import "./state/jobs";
import "./state/theme";
import "./style/tokens.css";
import "./style/base.css";
import "./style/controls.css";

createApp(App).use(router).mount("#app");
void refresh();
connect();
