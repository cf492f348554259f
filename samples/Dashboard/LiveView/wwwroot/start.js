import { mountLiveView } from "./live.js";

mountLiveView(document.getElementById("live"));
