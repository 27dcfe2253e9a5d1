/**
 * Test of the search for secrets: it finds a planted one in every form, in files, command lines and environments.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "@mr-redis/testing";
import { expect, test } from "vitest";
import { findSecrets, formsOf, judge, Witness } from "./secret-search.js";
import { until } from "./secure-site.js";

const key = randomBytes(32);
// A text with what percent-encoding, JSON and base64 change; and one that is itself base64.
const canaries: readonly (string | Buffer)[] = [
  'a"canary/with+all=of&them\\ü',
  key.toString("base64url"),
  key.toString("hex"),
  key,
];

const writings: readonly [string, (secret: Buffer, text: string) => string | Buffer][] = [
  ["as it is", (secret) => secret],
  ["base64", (secret) => secret.toString("base64")],
  ["base64url", (secret) => secret.toString("base64url")],
  ["hex", (secret) => secret.toString("hex")],
  ["in base64 of more", (secret) => Buffer.concat([Buffer.from("x:"), secret]).toString("base64")],
  [
    "in base64url of more",
    (secret) => Buffer.concat([Buffer.from("yz"), secret, Buffer.from("!")]).toString("base64url"),
  ],
  ["in a header", (_, text) => `Basic ${Buffer.from(`app:${text}`).toString("base64")}`],
  ["in an address", (_, text) => `redis://app:${encodeURIComponent(text)}@127.0.0.1`],
  ["in JSON", (_, text) => JSON.stringify({ password: text })],
  ["in JSON in JSON", (_, text) => JSON.stringify({ body: JSON.stringify({ password: text }) })],
];

test.each(writings)("a secret %s is found, and another one is not", (_name, write) => {
  for (const canary of canaries) {
    const bytes = Buffer.from(canary);
    const written = Buffer.from(write(bytes, bytes.toString("utf8")));
    // Bytes that are no text cannot be written as one.
    if (Buffer.isBuffer(canary) && write.length > 1) continue;
    const content = Buffer.concat([randomBytes(100), written, randomBytes(100)]);
    const secrets = new Map<string, string | Buffer>([
      ["canary", canary],
      ["another", randomBytes(32)],
    ]);
    const found = findSecrets(secrets, new Map([["log", content]]));
    expect([...new Set(found.map(({ secret }) => secret))]).toEqual(["canary"]);
  }
});

test("each form is at least as long as what chance does not write", () => {
  for (const canary of canaries) {
    for (const [name, form] of formsOf(canary))
      expect([name, form.length > 11]).toEqual([name, true]);
  }
  expect(() => formsOf("short")).toThrow("a secret of 5 bytes");
});

test("what is allowed is not reported, and what was never needed is", () => {
  const found = [
    { secret: "password", form: "bytes", place: "answer of connection" },
    { secret: "password", form: "hex", place: "log" },
  ];
  const allowed = [
    { secret: /^password$/, place: /^answer of connection$/, why: "it is for this" },
    { secret: /^token$/, place: /./, why: "nothing is found there" },
  ];
  expect(judge(found, allowed)).toEqual({
    misplaced: ["password (hex) in log"],
    unused: ["nothing is found there"],
  });
});

test("a witness sees files that come and go, command lines and environments", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mrr-witness-"));
  const [onDisk, onLine, around] = [1, 2, 3].map(() => randomBytes(16).toString("hex"));
  const witness = new Witness(directory);
  const sleeper = await launch({
    command: "sh",
    args: ["-c", "sleep 600; exit", onLine ?? ""],
    env: { PATH: process.env.PATH, SECRET: around, PLACE: directory },
  });
  try {
    mkdirSync(join(directory, "deep/down"), { recursive: true });
    writeFileSync(join(directory, "deep/down/file"), `x${onDisk}y`);
    witness.lookAtFiles();
    rmSync(join(directory, "deep"), { recursive: true });
    witness.lookAtFiles();
    const secrets = new Map(
      Object.entries({ onDisk, onLine, around }).map(([k, v]) => [k, v ?? ""]),
    );
    await until("all three are found", () => {
      const found = findSecrets(secrets, witness.places);
      expect(found.map(({ secret, place }) => `${secret}: ${place}`)).toEqual(
        expect.arrayContaining([
          `onDisk: ${join(directory, "deep/down/file")}`,
          "onLine: cmdline of sh",
          "around: environ of sh",
        ]),
      );
    });
  } finally {
    witness.stop();
    await sleeper.kill();
    rmSync(directory, { recursive: true });
  }
});
