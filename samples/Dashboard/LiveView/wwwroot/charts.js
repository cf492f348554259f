// The last minute, drawn by uPlot.
const span = 60;
// A pace fades slowly; below this it is drawn as nothing.
const least = 0.01;
const quietly = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

export class LiveCharts {
  constructor(element) {
    this.element = element;
    this.points = [];
    this.charts = [];
    this.drawnAt = 0;
    this.redraw = () => this.build();
    this.sizes = new ResizeObserver(() => this.charts.forEach(chart => chart.plot.setSize(sizeOf(chart.box))));
    dark.addEventListener("change", this.redraw);
  }

  end() {
    dark.removeEventListener("change", this.redraw);
    this.sizes.disconnect();
    this.charts.forEach(chart => chart.plot.destroy());
  }

  take(frame) {
    this.points.push(frame);
    while (this.points[0].time < frame.time - span * 1000) {
      this.points.shift();
    }

    const keys = frame.endpoints.map(endpoint => endpoint.key).join();
    if (keys !== this.keys) {
      this.keys = keys;
      this.build();
    } else if (frame.time - this.drawnAt >= (quietly.matches ? 2000 : 0)) {
      this.drawnAt = frame.time;
      this.charts.forEach(chart => this.draw(chart));
    }
  }

  build() {
    this.charts.forEach(chart => chart.plot.destroy());
    this.element.replaceChildren();
    this.sizes.disconnect();
    const last = this.points.at(-1);
    if (!last) {
      return;
    }

    const style = getComputedStyle(this.element);
    const color = name => style.getPropertyValue(name).trim();
    const each = read => last.endpoints.map((endpoint, index) => ({
      label: endpoint.name,
      color: color(`--line-${(index % 8) + 1}`),
      read: frame => read(frame.endpoints[index]),
    }));
    const sum = name => frame => frame.endpoints.reduce((total, endpoint) => total + endpoint.rates[name], 0);
    this.charts = [
      this.add("Calls answered per second", "", "No call was answered in the last minute.", each(endpoint => endpoint?.pace ?? null), 5),
      this.add("Latency, 95 % within", " s", "No call was answered in the last minute.", each(endpoint => endpoint?.slowest ?? null), 0.5),
      this.add("Attempts per second, by outcome", "", "No attempt ended in the last minute.", [
        { label: "answered", color: color("--healthy"), read: frame => frame.endpoints.reduce((total, endpoint) => total + endpoint.pace, 0) },
        { label: "rejected (429)", color: color("--line-5"), read: sum("rateLimited") },
        { label: "failed", color: color("--unavailable"), read: sum("failed") },
      ], 5),
      this.add("Calls in the queue", "", "The queue was empty at each reading of the last minute.", [
        { label: "waiting", color: color("--line-4"), read: frame => frame.waiting, fill: true },
      ], 5),
    ];
  }

  add(title, unit, nothing, series, least) {
    const panel = document.createElement("section");
    panel.className = "live-panel";
    panel.innerHTML = "<h2></h2><p class='live-none'></p><div role='img'></div>";
    panel.children[1].textContent = nothing;
    panel.firstChild.textContent = title;
    this.element.append(panel);
    const box = panel.lastChild;
    const style = getComputedStyle(this.element);
    const axis = { stroke: style.getPropertyValue("--quiet"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: style.getPropertyValue("--grid"), width: 1 };
    const chart = { box, title, unit, series, nothing: panel.children[1] };
    chart.plot = new uPlot({
      ...sizeOf(box),
      cursor: { show: false },
      select: { show: false },
      legend: { show: series.length > 1, live: false, markers: { width: 0, fill: (_, index) => series[index - 1]?.color } },
      scales: { x: { time: false, range: [-span, 0] }, y: { range: (_, __, most) => [0, Math.max(least, (most ?? 0) * 1.1)] } },
      axes: [
        { ...axis, grid: { show: false }, size: 26, values: (_, ticks) => ticks.map(tick => (tick === 0 ? "now" : `${tick} s`)) },
        { ...axis, grid, size: 44, values: (_, ticks) => ticks.map(tick => `${tick}${unit}`) },
      ],
      series: [{}, ...series.map(one => ({
        label: one.label, stroke: one.color, width: 1.75, spanGaps: false, points: { show: false }, fill: one.fill ? `${one.color}33` : undefined,
      }))],
    }, this.dataOf(chart), box);
    this.sizes.observe(box);
    this.describe(chart);
    return chart;
  }

  draw(chart) {
    chart.plot.setData(this.dataOf(chart));
    this.describe(chart);
  }

  dataOf(chart) {
    const now = this.points.at(-1).time;
    return [this.points.map(frame => (frame.time - now) / 1000), ...chart.series.map(one => this.points.map(one.read))];
  }

  /** The chart as text, for screen readers, and whether it has nothing to show. */
  describe({ box, title, unit, series, nothing }) {
    const last = this.points.at(-1);
    nothing.hidden = series.some(one => this.points.some(frame => one.read(frame) > least));
    box.ariaLabel = `${title}. Now: ${series.map(one => `${one.label} ${one.read(last)?.toFixed(2) ?? "none"}${unit}`).join(", ")}.`;
  }
}

function sizeOf(box) {
  return { width: Math.max(200, Math.floor(box.clientWidth)), height: 150 };
}
