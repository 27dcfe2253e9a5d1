/**
 * Owns finding and checking the redis-server, with programs that only print a version.
 * SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findRedisBinary } from "./redis-binary.js";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mrr-binary-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function program(name: string, output: string, mode = 0o755): string {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\necho '${output}'\n`, { mode });
  return path;
}

test("a redis-server first, else a valkey-server; without setpriv it says so", async () => {
  const valkey = program("valkey-server", "Valkey server v=8.0.1 sha=0");
  const version = { program: "valkey", text: "8.0.1", like: [7, 2] };
  expect(await findRedisBinary("redis-server", directory)).toEqual({
    path: valkey,
    version,
    setpriv: null,
  });
  const redis = program("redis-server", "Redis server v=6.2.7 sha=0");
  expect(await findRedisBinary(null, directory)).toMatchObject({
    path: redis,
    version: { text: "6.2.7" },
  });
  expect(await findRedisBinary(valkey, "/nowhere")).toMatchObject({ path: valkey });
});

test("a setpriv that does not know the option is not used", async () => {
  program("redis-server", "Redis server v=7.0.15 sha=0");
  const setpriv = join(directory, "setpriv");
  writeFileSync(setpriv, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  expect(await findRedisBinary(null, directory)).toMatchObject({ setpriv: null });
  rmSync(setpriv);
  symlinkSync("/usr/bin/setpriv", setpriv);
  expect(await findRedisBinary(null, directory)).toMatchObject({ setpriv });
});

test.each([
  ["Redis server v=5.0.3 sha=0", "redis-too-old", /redis 5\.0\.3, needed is 6\.2 or later/],
  ["memcached 1.6", "redis-missing", /does not tell a Redis version/],
])("%s", async (output, code, message) => {
  program("redis-server", output);
  const error = await findRedisBinary(null, directory).catch((each: unknown) => each);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
});

test.each([[null], ["redis-server"], ["./redis-server"], ["/no/such/file"], ["../x"]])(
  "%s is missing",
  async (asked) => {
    program("redis-server", "Redis server v=7.0.15", 0o644);
    const error = await findRedisBinary(asked, directory).catch((each: unknown) => each);
    expect(error).toMatchObject({ code: "redis-missing" });
  },
);
