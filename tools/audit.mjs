/**
 * Owns the audit of the dependencies: asks the registry for their known faults. One of weight in what is shipped fails; a
 * registry that does not answer, or knows no audits, is said loudly and does not fail: no test may need the internet.
 * Not: licences (packages/testing/test/licences.test.ts). Called by `npm run audit` and by tools/test.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A registry that is there answers within a second or two. */
const secondsMax = 40;

/** Weights that fail where what is shipped has the fault; what tools have is only told. */
const grave = ["high", "critical"];

/** What an answer of `npm audit --json` means: whether it was one, whether it fails, and what is said. */
export function judge(text, isShipped) {
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // no answer
  }
  const faults = answer?.vulnerabilities;
  if (typeof faults !== "object" || faults === null) {
    const why =
      answer?.message ?? answer?.error?.summary ?? (text.trim().slice(0, 200) || "no answer");
    return { isAudited: false, isFailed: false, lines: [`NOT AUDITED: ${why}`] };
  }
  const found = Object.values(faults);
  const lines = found.map(({ name, severity, range, via }) => {
    const titles = (via ?? []).flatMap((each) => (typeof each === "string" ? [] : [each.title]));
    return `${severity}: ${name} ${range}${titles.length > 0 ? `: ${titles.join("; ")}` : ""}`;
  });
  const isFailed = isShipped && found.some(({ severity }) => grave.includes(severity));
  return { isAudited: true, isFailed, lines };
}

/** What npm prints; empty when it cannot be run or takes too long. */
function ask(args) {
  return new Promise((resolve) => {
    const child = spawn("npm", ["audit", "--json", "--fetch-retries=0", ...args], {
      cwd: root,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), secondsMax * 1_000);
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    const end = () => {
      clearTimeout(timer);
      resolve(text);
    };
    child.once("error", end);
    child.once("close", end);
  });
}

async function main() {
  const shipped = judge(await ask(["--omit=dev"]), true);
  // One that does not answer is not asked twice.
  const all = shipped.isAudited ? judge(await ask([]), false) : shipped;
  const mark = "!".repeat(80);
  if (!all.isAudited) {
    process.stdout.write(`${mark}\n${all.lines.join("\n")}\n`);
    process.stdout.write(
      `The dependencies were not looked at. Repeat it with the registry: npm run audit\n${mark}\n`,
    );
    return 0;
  }
  for (const line of all.lines) process.stdout.write(`${line}\n`);
  process.stdout.write(
    `audited: ${shipped.lines.length} faults in what is shipped, ${all.lines.length} with the tools\n`,
  );
  return shipped.isFailed ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
