#!/usr/bin/env node
/**
 * Owns the link that npm makes at install time: finds the built program, or says how to build it.
 * Not: any command (src/). Committed as plain JavaScript, because npm links it before anything is built
 * (and without the link `npx mrr` would fetch a stranger's package of that name).
 * SPDX-License-Identifier: Apache-2.0
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** EX_UNAVAILABLE of sysexits.h: the program itself is not there. */
const exitCodeNotBuilt = 69;

const main = new URL("../dist/main.js", import.meta.url);

if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  process.stderr.write(
    `mrr is not built yet. In ${root}\n` +
      "  npm start        installs, builds and starts mr-redis on this machine\n" +
      "  npm run build    only builds (after `npm install`)\n",
  );
  process.exitCode = exitCodeNotBuilt;
}
