/**
 * Owns the measurement of what each Mesos codec adds to the start of a program: one bundled file that loads the codec,
 * writes one SUBSCRIBED event and reads it. Run by hand; command and results are in codec.md.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const runs = 25;

const event = `{ type: "SUBSCRIBED", subscribed: { executor_info: { executor_id: { value: "e" } },
  framework_info: { user: "u", name: "n" }, agent_info: { hostname: "h" } } }`;

const codecUse = (name, file) => `
  import { ${name} } from "./packages/mesos/src/wire/${file}.js";
  ${name}.decode("executor.Event", ${name}.encode("executor.Event", ${event}));`;

const programs = {
  JSON: codecUse("jsonCodec", "json-codec"),
  protobuf: codecUse("protobufCodec", "protobuf-codec"),
  "protobufjs' reflection": `
    import { reflectedBytes, reflectedValue } from "./packages/mesos/test/reflection.js";
    reflectedValue("executor.Event", reflectedBytes("executor.Event", ${event}));`,
};

const scratch = mkdtempSync(join(tmpdir(), "mrr-bench-"));
try {
  const tookMs = new Map();
  for (const [name, contents] of Object.entries(programs)) {
    const outfile = join(scratch, `${tookMs.size}.cjs`);
    await build({
      stdin: { contents, resolveDir: root, loader: "ts" },
      outfile,
      bundle: true,
      minify: true,
      platform: "node",
      format: "cjs",
      conditions: ["mr-redis-source"],
      logLevel: "warning",
    });
    tookMs.set(outfile, { name, all: [] });
  }
  const timer = join(scratch, "timer.cjs");
  writeFileSync(
    timer,
    "const s = performance.now(); require(process.argv[2]); console.log(performance.now() - s);",
  );
  // By turns, so that a busy machine is busy for all.
  for (let run = 0; run < runs; run += 1) {
    for (const [file, { all }] of tookMs) {
      all.push(Number(spawnSync(process.execPath, [timer, file], { encoding: "utf8" }).stdout));
    }
  }
  console.log(`${runs} runs, milliseconds\n\n| | median | best |\n|---|---|---|`);
  for (const { name, all } of tookMs.values()) {
    all.sort((a, b) => a - b);
    console.log(`| ${name} | ${all[runs >> 1].toFixed(1)} | ${all[0].toFixed(1)} |`);
  }
} finally {
  rmSync(scratch, { recursive: true });
}
