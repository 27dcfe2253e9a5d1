/**
 * Owns the program mrr-proxy: reads the file, starts the data plane and the admin routes, ends on a signal.
 * The only composition root of this package.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFile } from "node:fs/promises";
import { errorTable, isMrrError, MrrError, problemsText } from "@mr-redis/core";
import { startAdmin } from "./admin.js";
import { helpText, parseArguments } from "./arguments.js";
import type { HostPort, Route } from "./routes.js";
import { hostPortText } from "./routes.js";
import { type ProxyConfig, parseProxyConfig } from "./static-config.js";
import { systemClock } from "./system-clock.js";
import { UserspacePlane } from "./userspace/plane.js";

const version = async (): Promise<string> => {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { version?: unknown }).version);
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function readConfig(path: string): Promise<ProxyConfig> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new MrrError("config-invalid", `${path}: ${(error as Error).message}`, { cause: error });
  }
  const config = parseProxyConfig(text);
  if (config.ok) return config.value;
  throw new MrrError("config-invalid", `${path}: ${problemsText(config.problems)}`);
}

async function run(config: ProxyConfig): Promise<void> {
  const { clientsMax, targetWaitMs } = config;
  const plane = new UserspacePlane(systemClock, { clientsMax, targetWaitMs });
  let routes: readonly Route[] = config.routes;
  await plane.apply(routes);
  const admin = await startAdmin(
    {
      states: () => plane.states(),
      update: async (name: string, target: HostPort) => {
        if (!routes.some((route) => route.name === name)) return false;
        routes = routes.map((route) =>
          route.name === name ? { ...route, targets: [target] } : route,
        );
        await plane.apply(routes);
        return true;
      },
    },
    { host: config.httpBind, port: config.httpPort },
  );
  for (const { route, problem } of await plane.states()) {
    const what = `${route.name} on ${hostPortText(route.listen)}`;
    say(problem === null ? `${what} is served` : `${what} is not served: ${problem}`);
  }
  const end = (): void => {
    Promise.all([plane.close(), admin.close()]).then(() => process.exit(0));
  };
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
}

async function main(argv: readonly string[]): Promise<void> {
  const wanted = parseArguments(argv);
  if (!wanted.ok) throw new MrrError("invalid-request", problemsText(wanted.problems));
  const { mode, config: path } = wanted.value;
  if (mode === "help") process.stdout.write(helpText);
  else if (mode === "version") process.stdout.write(`${await version()}\n`);
  else {
    const config = await readConfig(path ?? "./config.json");
    for (const warning of config.warnings) say(`Warning: ${warning}`);
    if (mode === "run") await run(config);
    else say(`The configuration is good: ${config.routes.length} entries.`);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (!isMrrError(error)) throw error;
  const { exitCode, help } = errorTable[error.code];
  say(`mrr-proxy: ${error.message}\n${help}`);
  process.exit(exitCode);
});
