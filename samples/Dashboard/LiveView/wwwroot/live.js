// Shows what a pool does. Needs uPlot as a global, live.css, and the events beside this file.
import { LiveCharts } from "./charts.js";
import { explain, showExplanations } from "./terms.js";

const states = {
  healthy: ["✓ healthy", "It takes all its calls."],
  recovering: ["↗ recovering", "It takes a limited and growing number of concurrent calls."],
  probing: ["? probing", "It takes one call, which shows whether it has recovered."],
  unavailable: ["✕ unavailable", "It takes no calls until its cooldown is over. Its calls go to the others."],
};
const terms = {
  "Calls per second": "Attempts that the endpoints answered, a second, over about the last 3 seconds.",
  "Answered": "Attempts that the endpoints answered, since the pool started.",
  "Moved on": "Calls that another endpoint answered after one had failed. Their callers noticed nothing.",
  "Lost": "Calls that ended with an exception, other than by their caller's doing.",
  "Queue": "Calls that wait now, since no endpoint can take them.",
  "Latency": "The median of the answered attempts of the last 10 seconds, streams to their end.",
  "Tokens": "Tokens that the answers reported, cached ones included.",
  "Cached": "Input tokens that came from the service's prompt cache, as a share of all input tokens.",
};
const termsOfEndpoint = {
  "Calls/s": "Attempts that it answered, a second, over about the last 3 seconds.",
  "In flight": "Attempts that run there now.",
  "Median": "Half of the attempts that it answered in the last 10 seconds took no longer, streams to their end.",
  "Answered": "Attempts that it answered, since the pool started.",
  "Rejected": "Attempts that it rejected (429) because of its limits, since the pool started.",
  "Failed": "Attempts that failed there in another way: no connection, an error, a refused key, a stream that broke off.",
  "Tokens in": "Input tokens that its answers reported, cached ones included.",
  "Tokens out": "Output tokens that its answers reported.",
  "Cached": "Input tokens that came from its prompt cache, as a share of its input tokens.",
};
const mostInLog = 100;

/**
 * Fills the element, and follows the pool for as long as the page is open. Returns a function that ends it.
 * The element gets an event "frame" for each reading, with the frame as its detail.
 */
export function mountLiveView(element, events = new URL("events", import.meta.url)) {
  const view = new LiveView(element);
  const source = new EventSource(events);
  showExplanations();
  source.addEventListener("frame", message => {
    const frame = JSON.parse(message.data);
    view.take(frame);
    element.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  });
  source.addEventListener("open", () => view.connected());
  source.addEventListener("error", () => view.tell(
    source.readyState === EventSource.CLOSED ? "There is no pool: the switch is off, or this page has no access to it." : "The connection is lost. Trying again.", true));
  return () => {
    source.close();
    view.charts.end();
  };
}

/** Shows the state of an endpoint in one element, and why it is so in another. */
export function showState(endpoint, state, why) {
  const [text, meaning] = states[endpoint.state];
  // The term is larger than what is drawn of it.
  const pill = state.firstElementChild ?? state.appendChild(document.createElement("span"));
  pill.textContent = text;
  state.dataset.state = endpoint.state;
  explain(state, meaning);
  const reason = endpoint.toldBy ? `${endpoint.reason}, told by ${endpoint.toldBy}` : endpoint.reason;
  why.textContent = !reason ? "takes its share" : endpoint.readyIn === null ? reason : `${reason}, ready in ${endpoint.readyIn.toFixed(1)} s`;
}

class LiveView {
  constructor(element) {
    element.classList.add("live", "live-frame");
    // Nothing is known yet, so no box is shown.
    element.dataset.empty = true;
    element.innerHTML = `
      <p class="live-notice" role="status" data-part="notice">Connecting.</p>
      <p class="live-unseen" aria-live="polite" data-part="spoken"></p>
      <section class="live-panel live-frame" aria-label="The pool as a whole"><dl class="live-figures" data-part="figures"></dl><p class="live-from" data-part="from"></p></section>
      <ul class="live-endpoints" data-part="endpoints" aria-label="Endpoints"></ul>
      <p class="live-from live-from-endpoints">Of each endpoint, answered, rejected, failed and tokens count from the start of the pool; calls/s are those of the last 3 seconds, the median that of the last 10.</p>
      <div class="live-charts" data-part="charts"></div>
      <section class="live-panel" aria-label="What happened">
        <h2>What happened, the latest first</h2>
        <p class="live-none" data-part="none">Nothing since this page connected. Failovers, and endpoints that become unavailable or healthy, are listed here.</p>
        <ol class="live-log" tabindex="0" data-part="log" aria-label="Failovers, endpoints that became unavailable, endpoints that are healthy again"></ol>
      </section>`;
    this.parts = Object.fromEntries([...element.querySelectorAll("[data-part]")].map(part => [part.dataset.part, part]));
    this.cards = new Map();
    this.figures = new Map();
    this.charts = new LiveCharts(this.parts.charts);
    this.element = element;
  }

  /** The totals of calls begin anew with each connection. */
  connected() {
    this.tell("Live, read from the pool twice a second", false);
    this.since = clock(Date.now());
  }

  tell(text, isLost) {
    this.parts.notice.textContent = text;
    this.parts.notice.dataset.lost = isLost;
  }

  take(frame) {
    for (const endpoint of frame.endpoints) {
      endpoint.key = `${endpoint.name}/${endpoint.deployment ?? ""}`;
    }

    const before = this.frame;
    // After a reconnection the totals of calls begin anew.
    const seconds = before ? Math.max(0.001, (frame.time - before.time) / 1000) : 0;
    for (const endpoint of frame.endpoints) {
      const old = before?.endpoints.find(other => other.key === endpoint.key);
      const rate = name => old && seconds ? Math.max(0, endpoint[name] - old[name]) / seconds : 0;
      endpoint.rates = { answered: rate("answered"), rateLimited: rate("rateLimited"), failed: rate("failed") };
      // Half a second is too short to show a pace: the last three seconds, weighted.
      const past = this.cards.get(endpoint.key)?.pace ?? endpoint.rates.answered;
      endpoint.pace = past + (endpoint.rates.answered - past) * Math.min(1, seconds / 1.5);
    }

    this.frame = frame;
    this.element.dataset.empty = false;
    this.showFigures(frame);
    frame.endpoints.forEach((endpoint, index) => this.showEndpoint(endpoint, index));
    this.charts.take(frame);
    this.log(frame);
  }

  showFigures(frame) {
    const sum = name => frame.endpoints.reduce((total, endpoint) => total + endpoint[name], 0);
    const pace = frame.endpoints.reduce((total, endpoint) => total + endpoint.pace, 0);
    const input = sum("inputTokens");
    const { calls } = frame;
    this.figure("Calls per second", pace.toFixed(1), `${count(sum("inFlight"))} attempts in flight`);
    this.figure("Answered", count(sum("answered")), "by all endpoints");
    this.figure("Moved on", count(calls.movedOn), `since ${this.since}`);
    this.figure("Lost", count(calls.lost), calls.cut ? `${count(calls.cut)} ${calls.cut === 1 ? "stream" : "streams"} cut, since ${this.since}` : `since ${this.since}`, calls.lost > 0);
    this.figure("Queue", count(frame.waiting), calls.waits ? `${count(calls.waits)} waited, at most ${time(calls.longestWait)}` : "no call had to wait", frame.waiting > 0);
    this.figure("Latency", time(frame.median), frame.median === null ? "no answer in the last 10 s" : `95 % within ${time(frame.slowest)}`);
    this.figure("Tokens", count(input + sum("outputTokens")), `${count(input)} in, ${count(sum("outputTokens"))} out`);
    this.figure("Cached", share(sum("cachedTokens"), input), "of the input tokens");
    this.parts.from.textContent = `Answered, tokens and their cached share count from the start of the pool; moved on, lost and the longest wait from ${this.since}, when this page connected.`;
  }

  figure(name, value, note, isBad = false) {
    let figure = this.figures.get(name);
    if (!figure) {
      figure = document.createElement("div");
      figure.innerHTML = "<dt></dt><dd><span></span><small></small></dd>";
      figure.dataset.figure = name;
      figure.querySelector("dt").textContent = name;
      explain(figure, terms[name]);
      this.parts.figures.append(figure);
      this.figures.set(name, figure);
    }

    figure.querySelector("span").textContent = value;
    figure.querySelector("small").textContent = note;
    figure.dataset.bad = isBad;
  }

  showEndpoint(endpoint, index) {
    let card = this.cards.get(endpoint.key);
    if (!card) {
      card = this.addCard(endpoint, index);
      this.cards.set(endpoint.key, card);
    }

    card.pace = endpoint.pace;
    card.element.dataset.state = endpoint.state;
    showState(endpoint, card.state, card.why);
    card.deployment.textContent = endpoint.deployment ? `${endpoint.deployment} · ` : "";
    card.set("Calls/s", endpoint.pace.toFixed(1));
    card.set("In flight", count(endpoint.inFlight));
    card.set("Median", time(endpoint.median));
    card.set("Answered", count(endpoint.answered));
    card.set("Rejected", count(endpoint.rateLimited));
    card.set("Failed", count(endpoint.failed));
    card.set("Tokens in", count(endpoint.inputTokens));
    card.set("Tokens out", count(endpoint.outputTokens));
    card.set("Cached", share(endpoint.cachedTokens, endpoint.inputTokens));
  }

  addCard(endpoint, index) {
    const element = document.createElement("li");
    element.className = "live-panel live-endpoint";
    element.dataset.endpoint = endpoint.name;
    element.style.setProperty("--color", `var(--line-${(index % 8) + 1})`);
    element.innerHTML = `<header><h2></h2><span class="live-state"></span></header><p class="live-reason"><span></span><span class="live-why"></span></p><dl></dl>`;
    element.querySelector("h2").textContent = endpoint.name;
    this.parts.endpoints.append(element);
    const values = new Map();
    const set = (name, value) => {
      if (!values.has(name)) {
        const entry = document.createElement("div");
        entry.dataset.value = name;
        entry.innerHTML = "<dt></dt><dd></dd>";
        entry.firstChild.textContent = name;
        explain(entry, termsOfEndpoint[name]);
        element.querySelector("dl").append(entry);
        values.set(name, entry.lastChild);
      }

      values.get(name).textContent = value;
    };
    return { element, set, state: element.querySelector(".live-state"), why: element.querySelector(".live-why"), deployment: element.querySelector(".live-reason > span") };
  }

  log(frame) {
    for (const event of frame.events) {
      // A repeated event is one line with a count.
      const key = [event.kind, event.endpoint, event.reason].join();
      const recent = [...this.parts.log.children].slice(0, 4).find(entry => entry.dataset.key === key);
      const entry = recent ?? document.createElement("li");
      event.count += Number(entry.dataset.count ?? 0);
      Object.assign(entry.dataset, { key, kind: event.kind, count: event.count });
      entry.innerHTML = "<time></time><span><b></b><span></span></span>";
      entry.querySelector("time").textContent = clock(frame.time);
      entry.querySelector("b").textContent = event.endpoint;
      entry.querySelector("span > span").textContent = sentence(event);
      this.parts.log.prepend(entry);
    }

    this.parts.log.hidden = this.parts.log.children.length === 0;
    this.parts.none.hidden = !this.parts.log.hidden;
    while (this.parts.log.children.length > mostInLog) {
      this.parts.log.lastChild.remove();
    }

    const changes = frame.events.filter(event => event.kind === "unavailable" || event.kind === "healthy");
    if (changes.length > 0) {
      this.parts.spoken.textContent = changes.map(event => `${event.endpoint}${sentence(event)}`).join(" ");
    }
  }
}

function sentence({ kind, reason, count: times }) {
  switch (kind) {
    case "unavailable": return times > 1 ? ` became unavailable ${times} times: ${reason}.` : ` became unavailable: ${reason}.`;
    case "healthy": return times > 1 ? ` is healthy again, ${times} times.` : " is healthy again.";
    case "cut": return times > 1 ? ` cut ${times} streams after their first words.` : " cut a stream after its first words.";
    default: return times > 1 ? ` ${reason}: ${times} calls moved on.` : ` ${reason}: a call moved on.`;
  }
}

function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour12: false });
}

function count(number) {
  return number >= 1e6 ? `${(number / 1e6).toFixed(2)} M` : number.toLocaleString("en-US");
}

function time(seconds) {
  return seconds === null ? "–" : seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

function share(part, whole) {
  return whole > 0 ? `${Math.round((100 * part) / whole)} %` : "–";
}
