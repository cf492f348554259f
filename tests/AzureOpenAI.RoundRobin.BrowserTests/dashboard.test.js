// The dashboard in Chromium, one step after the other on one page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { absence, startApp, startBrowser } from "./dashboard.js";

const axe = absence() ? "" : readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const names = ["contoso-sweden", "contoso-france", "contoso-japan"];
const patience = 20_000;

describe("dashboard", { skip: absence(), timeout: process.env.SCREENSHOT ? 240_000 : 150_000 }, () => {
  const faults = [];
  const hosts = new Set();
  let app;
  let browser;
  let page;

  before(async () => {
    app = await startApp();
    browser = await startBrowser();
    page = await open("/");
  });

  after(async () => {
    await browser?.end();
    app?.kill();
  });

  it("shows every endpoint healthy, and the load going round", async () => {
    for (const name of names) {
      await until(async () => await state(name) === "healthy" && await value(name, "Answered") > 5, `${name} answers`);
    }

    const answered = await Promise.all(names.map(name => value(name, "Answered")));
    assert.ok(Math.max(...answered) - Math.min(...answered) <= 8, `The shares are ${answered}.`);
    assert.equal(await page.locator(".live-charts canvas").count(), 4);
    for (const legend of names) {
      assert.ok(await page.locator(".live-charts .u-legend", { hasText: legend }).first().isVisible());
    }

    assert.match(await page.locator(".live-charts [role=img]").first().getAttribute("aria-label"), /^Calls answered per second\. Now: contoso-sweden \d/);
  });

  it("says what its boxes are empty of, and from when it counts", async () => {
    assert.match(await page.locator("[data-part=none]").textContent(), /^Nothing since this page connected\./);
    assert.equal(await page.locator("[data-part=none]").isVisible(), await page.locator(".live-log li").count() === 0);
    const nothing = page.locator(".live-charts section", { hasText: "Calls in the queue" }).locator(".live-none");
    assert.equal(await nothing.textContent(), "The queue was empty at each reading of the last minute.");
    assert.ok(await nothing.isVisible());
    await until(async () => await page.locator(".live-charts section", { hasText: "Latency" }).locator(".live-none").isHidden(), "latencies are drawn");
    assert.match(await page.textContent("[data-part=from]"), /count from the start of the pool; moved on, lost and the longest wait from \d+:\d\d:\d\d, when this page connected\.$/);
    assert.match(await page.textContent("[data-figure='Moved on'] small"), /^since \d+:\d\d:\d\d$/);
    assert.match(await page.textContent(".live-from-endpoints"), /from the start of the pool/);
  });

  it("explains its terms on hover and on focus", async () => {
    const explanation = page.locator("#live-explanation");
    for (const term of await page.locator(".live dt, .live-state").all()) {
      const text = await term.evaluate(element => element.closest("[data-explanation]")?.dataset.explanation);
      assert.match(text ?? "", /^[A-Z].{15,}\.$/, `${await term.textContent()} has no explanation.`);
    }

    await page.hover("[data-figure='Moved on']");
    assert.match(await explanation.textContent(), /another endpoint answered/);
    assert.ok(await explanation.isVisible());
    await page.keyboard.press("Escape");
    assert.ok(await explanation.isHidden());
    await page.focus("[data-figure='Lost']");
    assert.match(await explanation.textContent(), /ended with an exception/);
    assert.equal(await page.getAttribute("[data-figure='Lost']", "aria-describedby"), "live-explanation");
    await page.focus("#load");
    assert.ok(await explanation.isHidden());
  });

  it("streams a chat, and says who answered", async () => {
    await page.fill("#question", "Which city has the most bridges?");
    await page.press("#question", "Enter");
    await until(async () => /^contoso-\w+, \d/.test(await page.locator(".turn.theirs small").first().textContent()), "the answer ends");
    assert.match(await page.locator(".turn.theirs span").first().textContent(), /^You asked: “Which city has the most bridges\?” .*you will not notice\.$/);
  });

  it("follows a break by keyboard, and loses nothing but streams that were cut", async () => {
    await page.focus("[aria-label='Break contoso-japan']");
    await page.keyboard.press("Enter");
    await until(async () => await state("contoso-japan") === "unavailable", "contoso-japan is unavailable");
    await until(async () => /unreachable, ready in|unreachable/.test(await page.locator(`${card("contoso-japan")} .live-why`).textContent()), "the reason is told");
    await until(async () => await page.locator(".live-log li[data-kind=unavailable]", { hasText: "contoso-japan became unavailable" }).count() > 0, "the log tells it");
    assert.equal(await page.getAttribute("[aria-label='Break contoso-japan']", "aria-pressed"), "true");

    const before = await value("contoso-sweden", "Answered");
    await until(async () => await value("contoso-sweden", "Answered") > before + 10, "the others go on");
    await until(async () => await figure("Moved on") > 0, "calls have moved on");
    const lost = await figure("Lost");
    const note = await page.locator("[data-figure=Lost] small").textContent();
    assert.equal(lost, Number(/^(\d+) streams? cut/.exec(note)?.[1] ?? 0), note);
  });

  process.env.SCREENSHOT && it("is drawn for the readme", async () => {
    await pause(9000);
    // More than two of them can take: the queue grows, and empties once the third is available again.
    await page.fill("#load", "40");
    await pause(6000);
    await page.click("[aria-label='No fault at contoso-japan']");
    await until(async () => await state("contoso-japan") === "healthy", "contoso-japan is healthy");
    await pause(8000);
    await page.fill("#load", "18");
    await until(async () => await figure("Queue") === 0, "no call waits");
    await pause(8000);
    await page.click("[aria-label='Throttle contoso-france']");
    await until(async () => await state("contoso-france") === "unavailable", "contoso-france is unavailable");
    await pause(2000);
    await page.mouse.move(0, 0);
    await page.evaluate(() => document.activeElement.blur());
    await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
    await page.click("[aria-label='No fault at contoso-france']");
    await page.fill("#load", "12");
    await page.click("[aria-label='Break contoso-japan']");
    await until(async () => await state("contoso-japan") === "unavailable", "contoso-japan is unavailable");
  });

  it("follows the return", async () => {
    await page.click("[aria-label='No fault at contoso-japan']");
    await until(async () => await state("contoso-japan") === "healthy", "contoso-japan is healthy");
    const before = await value("contoso-japan", "Answered");
    await until(async () => await value("contoso-japan", "Answered") > before + 5, "contoso-japan answers again");
    await page.locator(".live-log li[data-kind=healthy]", { hasText: "contoso-japan is healthy again" }).first().waitFor();
  });

  it("tells a throttled endpoint from a broken one", async () => {
    await page.click("[aria-label='Throttle contoso-france']");
    await until(async () => await state("contoso-france") === "unavailable" && await value("contoso-france", "Rejected") > 0, "contoso-france is unavailable");
    assert.match(await page.locator(`${card("contoso-france")} .live-why`).textContent(), /rate limited, ready in \d/);
    await page.click("[aria-label='No fault at contoso-france']");
    await until(async () => await state("contoso-france") === "healthy", "contoso-france is healthy");
  });

  it("shows a slow endpoint, and finds out a hung one", async () => {
    await page.click("[aria-label='Slow contoso-france']");
    await until(async () => /^\d\.\d s$/.test(await page.textContent(`${card("contoso-france")} [data-value='Median'] dd`)), "contoso-france answers slowly");
    await page.click("[aria-label='No fault at contoso-france']");

    await page.click("[aria-label='Hang contoso-sweden']");
    await until(async () => await state("contoso-sweden") === "unavailable", "contoso-sweden is unavailable");
    // What hung is given more time than a test has.
    await page.click("[aria-label='No fault at contoso-sweden']");
  });

  it("shows what the ledger says once the slider is at zero", async () => {
    await page.focus("#load");
    await page.keyboard.press("Home");
    assert.equal(await page.textContent("#load-now"), "0");
    await until(async () => (await Promise.all(names.map(name => value(name, "In flight")))).every(running => running === 0), "nothing runs");
    // A call that is taken away from a hung endpoint in the moment of its answer may count on one side only.
    const takenAway = 2;
    let last = "";
    try {
      await until(async () => {
        const ledger = await (await fetch(`${app.url}/api/resources`)).json();
        const shown = await Promise.all(names.map(name => value(name, "Answered")));
        last = `${JSON.stringify(ledger.map(resource => resource.answered))} and ${JSON.stringify(shown)}`;
        return ledger.every((resource, index) => resource.name === names[index] && Math.abs(resource.answered - shown[index]) <= takenAway);
      }, "page and ledger agree");
    } catch (error) {
      throw new Error(`${error.message} They say ${last}.`, { cause: error });
    }
  });

  it("shows the effect of a button beside it on a phone", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const box = page.locator("[data-resource='contoso-japan']");
    const button = page.locator("[aria-label='Break contoso-japan']");
    await page.fill("#load", "12");
    await button.scrollIntoViewIfNeeded();
    await until(async () => await box.locator(".live-state").textContent() === "✓ healthy", "contoso-japan is healthy");
    await button.click();
    await until(async () => await box.locator(".live-state").textContent() === "✕ unavailable", "the effect is told");
    assert.match(await box.locator(".live-why").textContent(), /unreachable|failed/);
    for (const part of [button, box.locator(".live-state"), box.locator(".live-why")]) {
      const { y, height } = await part.boundingBox();
      assert.ok(y >= 0 && y + height <= 844, "The effect is out of sight.");
    }

    await page.click("[aria-label='No fault at contoso-japan']");
    assert.equal(await page.getByText("Revive").count(), 0);
  });

  for (const width of [390, 1366]) {
    for (const colorScheme of ["light", "dark"]) {
      it(`is readable, reachable and whole at ${width} px, ${colorScheme}`, async () => {
        await page.setViewportSize({ width, height: 844 });
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await pause(300);
        assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), colorScheme === "light" ? "rgb(243, 245, 248)" : "rgb(14, 19, 27)");
        await looksWhole(page, width);
        for (const selector of [".live-figures dt", ".live-figures dd", ".live-why", ".live-state span", ".live-endpoint dt", ".live-log time", ".side button", ".turn", ".turn small", "#send", ".live-from"]) {
          const contrast = await page.locator(selector).filter({ hasText: /\S/ }).evaluateAll(leastContrastOf);
          assert.ok(contrast >= 4.5, `${selector} has a contrast of ${contrast?.toFixed(2)}.`);
        }

        await page.hover("[data-figure='Moved on']");
        assert.ok(await page.locator("#live-explanation").evaluateAll(leastContrastOf) >= 4.5);
        await looksWhole(page, width);
        await page.mouse.move(0, 0);
        if (process.env.SCREENSHOTS) {
          await page.screenshot({ path: `${process.env.SCREENSHOTS}/dashboard-${width}-${colorScheme}.png`, fullPage: true });
        }
      });
    }
  }

  it("shows the live view by itself, without a key or an address", async () => {
    const alone = await open("/live");
    await alone.locator(`${card("contoso-japan")}[data-state=healthy]`).waitFor();
    for (const width of [390, 1366]) {
      await alone.setViewportSize({ width, height: 844 });
      await looksWhole(alone, width);
    }

    await alone.close();

    const frames = await readFrames(3);
    assert.ok(frames.length > 200);
    assert.doesNotMatch(frames, /https?:|127\.0\.0\.1|localhost|api-?key|bearer/i);
  });

  it("survives clients that never read, and ends at once while they are there", async () => {
    const { hostname, port } = new URL(app.url);
    const deaf = await Promise.all(Array.from({ length: 20 }, () => new Promise(resolve => {
      const socket = connect(Number(port), hostname, () => {
        socket.pause();
        socket.write(`GET /live/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
        resolve(socket);
      });
      socket.on("error", () => {});
    })));
    assert.match(await readFrames(3), /contoso-sweden/);

    assert.deepEqual(faults, []);
    assert.deepEqual([...hosts], [new URL(app.url).host]);
    await page.close();
    const began = Date.now();
    await app.end();
    assert.ok(Date.now() - began < 10_000, "The app took too long to end.");
    assert.doesNotMatch(app.output(), /fail:|crit:|Unhandled/);
    deaf.forEach(socket => socket.destroy());
  });

  /** No wider than the window, with targets for fingers, full rows of charts, and nothing that the accessibility checker finds. */
  async function looksWhole(of, width) {
    await until(async () => await of.evaluate(() => document.documentElement.scrollWidth) <= width, "the page is no wider than the window");
    assert.deepEqual(await of.evaluate(smallTargets), []);
    const rows = await of.evaluate(rowsOfCharts);
    assert.ok(rows.every(row => Math.abs(row.free) < 2), `The charts' rows are ${JSON.stringify(rows)}.`);
    await of.evaluate(axe);
    const { violations } = await of.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join("; ")}`), []);
  }

  async function open(path) {
    const opened = await browser.context.newPage();
    opened.on("console", message => ["error", "warning"].includes(message.type()) && faults.push(message.text()));
    opened.on("pageerror", error => faults.push(String(error)));
    opened.on("request", request => request.url().startsWith("data:") || hosts.add(new URL(request.url()).host));
    await opened.goto(app.url + path);
    return opened;
  }

  async function readFrames(number) {
    const response = await fetch(`${app.url}/live/events`);
    let text = "";
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (text.split("event: frame").length > number) {
        return text;
      }
    }

    throw new Error("The events ended.");
  }

  function card(name) {
    return `[data-endpoint='${name}']`;
  }

  function state(name) {
    return page.getAttribute(card(name), "data-state");
  }

  async function value(name, of) {
    return number(await page.textContent(`${card(name)} [data-value='${of}'] dd`));
  }

  async function figure(name) {
    return number(await page.textContent(`[data-figure='${name}'] dd span`));
  }

  function number(text) {
    return Number(text.replaceAll(",", ""));
  }

  async function until(holds, what) {
    const end = Date.now() + patience;
    while (!await holds()) {
      assert.ok(Date.now() < end, `Within ${patience / 1000} s it was not so that ${what}.`);
      await pause(100);
    }
  }
});

/** Runs in the page: what can be pressed or focused and is smaller than 44 px. */
function smallTargets() {
  const small = [];
  for (const target of document.querySelectorAll("button, input, a[href]:not(.skip), [tabindex='0']")) {
    const { width, height } = target.getBoundingClientRect();
    const isShown = target.checkVisibility();
    if (isShown && (width < 44 || height < 44)) {
      small.push(`${target.outerHTML.slice(0, 120)}: ${width} x ${height}`);
    }
  }

  return small;
}

/** Runs in the page: how much of each row of charts is left free, in pixels. */
function rowsOfCharts() {
  const all = document.querySelector(".live-charts").getBoundingClientRect();
  const rows = new Map();
  for (const panel of document.querySelectorAll(".live-charts > section")) {
    const { top, right } = panel.getBoundingClientRect();
    rows.set(top, Math.max(rows.get(top) ?? 0, right));
  }

  return [...rows].map(([top, right]) => ({ top, free: all.right - right }));
}

/** Runs in the page: the least contrast of the elements' texts by WCAG 2, each against the first opaque background below it. */
function leastContrastOf(elements) {
  const channels = color => color.match(/[\d.]+/g).map(Number);
  const luminance = color => channels(color).slice(0, 3)
    .map(channel => channel / 255)
    .map(channel => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4))
    .reduce((sum, channel, index) => sum + channel * [0.2126, 0.7152, 0.0722][index], 0);
  const contrastOf = element => {
    let below = element;
    while (below.parentElement && channels(getComputedStyle(below).backgroundColor)[3] === 0) {
      below = below.parentElement;
    }

    const [low, high] = [luminance(getComputedStyle(element).color), luminance(getComputedStyle(below).backgroundColor)].sort((left, right) => left - right);
    return (high + 0.05) / (low + 0.05);
  };
  return elements.length > 0 ? Math.min(...elements.map(contrastOf)) : undefined;
}
