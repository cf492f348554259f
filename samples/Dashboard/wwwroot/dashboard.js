import { mountLiveView, showState } from "./live/live.js";
import { startChat } from "./chat.js";

const troubles = [["None", "No fault"], ["Throttled", "Throttle"], ["Broken", "Break"], ["Hung", "Hang"], ["Slow", "Slow"]];

const live = document.getElementById("live");
mountLiveView(live);
startChat();
await Promise.all([startLoad(), startTroubles()]);

async function startLoad() {
  const slider = document.getElementById("load");
  const now = document.getElementById("load-now");
  const show = load => {
    slider.max = load.most;
    slider.value = load.callsPerSecond;
    now.textContent = load.callsPerSecond;
  };
  show(await read("api/load"));
  slider.addEventListener("input", () => now.textContent = slider.value);
  slider.addEventListener("change", async () => show(await put("api/load", { callsPerSecond: slider.valueAsNumber })));
}

async function startTroubles() {
  const resources = await read("api/resources");
  const kind = document.getElementById("kind");
  if (resources.length === 0) {
    kind.textContent = "Your own endpoints behind one IChatClient.";
    return;
  }

  kind.textContent = "Three simulated Azure OpenAI resources behind one IChatClient. Break one, and watch the pool recover.";
  document.getElementById("trouble").hidden = false;
  for (const resource of resources) {
    const group = document.createElement("fieldset");
    group.className = "resource";
    group.dataset.resource = resource.name;
    group.innerHTML = "<legend></legend><p class='effect'><span class='live-state'></span> <span class='live-why'></span></p><div class='buttons'></div>";
    group.querySelector("legend").textContent = resource.name;
    // What the pool makes of the fault, beside the buttons: on a phone its own view of the pool is out of sight.
    live.addEventListener("frame", ({ detail }) => {
      const endpoint = detail.endpoints.find(one => one.name === resource.name);
      if (endpoint) {
        showState(endpoint, group.querySelector(".live-state"), group.querySelector(".live-why"));
      }
    });
    const show = ({ trouble }) => group.querySelectorAll("button").forEach(button => button.ariaPressed = button.value === trouble);
    for (const [trouble, label] of troubles) {
      const button = document.createElement("button");
      button.type = "button";
      button.value = trouble;
      button.dataset.trouble = trouble.toLowerCase();
      button.textContent = label;
      button.ariaLabel = trouble === "None" ? `${label} at ${resource.name}` : `${label} ${resource.name}`;
      button.addEventListener("click", async () => show(await put(`api/resources/${encodeURIComponent(resource.name)}/${trouble}`)));
      group.querySelector(".buttons").append(button);
    }

    document.getElementById("resources").append(group);
    show(resource);
  }
}

async function read(url) {
  return (await fetch(url)).json();
}

async function put(url, body = {}) {
  const answer = await fetch(url, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return answer.json();
}
