// The app under test, as a user starts it, and the browser that looks at it.
import { spawn, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../..", import.meta.url));
const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** Why the tests cannot run here, or undefined if they can. */
export function absence() {
  if (!browserPath()) {
    return "There is no Chromium. Install Debian's package chromium, or name one in CHROMIUM.";
  }

  return ["playwright-core", "axe-core"].every(name => existsSync(new URL(`node_modules/${name}`, import.meta.url)))
    ? undefined
    : "playwright-core or axe-core is not installed. Run 'npm ci' in tests/AzureOpenAI.RoundRobin.BrowserTests.";
}

export async function startBrowser() {
  const { chromium } = await import("playwright-core");
  const userData = await mkdtemp(path.join(tmpdir(), "dashboard-"));
  const context = await chromium.launchPersistentContext(userData, { executablePath: browserPath(), args: flags, viewport: { width: 1280, height: 1180 } });
  return {
    context,
    async end() {
      await context.close();
      await rm(userData, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Starts the sample with no variable set, on a free port. */
export async function startApp() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/AZURE_OPENAI|^ASPNETCORE_|^DOTNET_ENVIRONMENT$/.test(name)));
  // A group of its own: 'dotnet run' has a child.
  const app = spawn("dotnet", ["run", "--project", "samples/Dashboard", "-c", "Release", ...(process.env.CI ? ["--no-build"] : []), "--", "--urls", "http://127.0.0.1:0"],
    { cwd: repository, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const ended = new Promise(resolve => app.on("exit", code => resolve(code)));
  const url = await new Promise((resolve, reject) => {
    const read = data => {
      output += data;
      const match = /Now listening on: (http:\S+)/.exec(output);
      if (match) {
        resolve(match[1]);
      }
    };
    app.stdout.on("data", read);
    app.stderr.on("data", read);
    app.on("error", reject);
    ended.then(code => reject(new Error(`The app ended with ${code} before it listened.\n${output}`)));
  });
  return {
    url,
    output: () => output,
    /** Ctrl+C. Resolves when the app has ended. */
    end: () => {
      process.kill(-app.pid, "SIGINT");
      return ended;
    },
    kill: () => {
      try {
        process.kill(-app.pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    },
  };
}

function browserPath() {
  if (process.env.CHROMIUM) {
    return process.env.CHROMIUM;
  }

  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("which", [name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      // Not this one.
    }
  }

  return undefined;
}
