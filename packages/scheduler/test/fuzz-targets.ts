/**
 * Owns the parsers of this package that read what others send, for the fuzzer: bodies, names of leaders in the store,
 * headers of the artifact server, origins, the command line. What a body must hold is read by packages/core.
 * Not: the fuzzer (packages/testing/src/fuzz). Called by tools/fuzz.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */
import { BrokenPromise, type FuzzTargets, textOf } from "@mr-redis/testing";
import { hostRefusal, judgeOrigin } from "../src/api/origin.js";
import { bodyOf } from "../src/api/v2-parts.js";
import { parseArguments } from "../src/arguments.js";
import { select } from "../src/artifact/conditional.js";
import { decodeHolder, encodeHolder } from "../src/leader-identity.js";
import { keyBytes, keysMax, parseKeyFile, sealingKeyOf } from "../src/secrets/key-file.js";
import { SecretKeys } from "../src/secrets/secret-keys.js";

const file = { bytes: 1_000, etag: '"abc"', modifiedAtMs: 1_700_000_000_000 };

const keyLine = (byte: number): string => Buffer.alloc(keyBytes, byte).toString("base64");

/** Sealed once, so that the same seed gives the same inputs. */
const sealed = {
  keys: new SecretKeys([sealingKeyOf(Buffer.alloc(keyBytes, 1))]),
  text: "sealed:1:72cd6e84:BwcHBwcHBwcHBwcH7NOZwWzc1NU59WIQx-AXuMjK5KoXf7khplqvrRVj-VXqYvfo0A",
};

/** Lines `name: value` as headers. */
const headersOf = (input: Uint8Array): Record<string, string> =>
  Object.fromEntries(
    textOf(input)
      .split("\n")
      .map((line): [string, string] => {
        const at = line.indexOf(": ");
        return at < 0 ? [line.toLowerCase(), ""] : [line.slice(0, at), line.slice(at + 2)];
      }),
  );

export const fuzzTargets: FuzzTargets = () => [
  {
    name: "scheduler/body",
    kind: "json",
    seeds: ['{"name":"a","memory":1}', "", "[]"],
    run: (input) => bodyOf(textOf(input)),
  },
  {
    name: "scheduler/leader-identity",
    kind: "json",
    seeds: [encodeHolder("http://10.0.0.1:5656", "run-1", 4711), "a holder in words"],
    run: (input) => {
      const identity = decodeHolder(textOf(input));
      if (identity.text.length > 400) throw new BrokenPromise("a text that is too long");
      if (identity.url !== null) new URL(identity.url);
      return identity;
    },
  },
  {
    name: "scheduler/artifact-conditions",
    kind: "text",
    seeds: [
      'if-none-match: W/"abc", "def"\nrange: bytes=0-99\nif-range: "abc"',
      "if-modified-since: Sun, 22 Nov 2026 10:00:00 GMT\nrange: bytes=-5",
      'if-match: *\nrange: bytes=999-\nif-range: "x"',
    ],
    run: (input) => {
      const selection = select(headersOf(input), file);
      if (selection.type !== "part") return selection.type === "whole" ? selection : null;
      const { first, last } = selection.range;
      const isInside = first >= 0 && first <= last && last < file.bytes;
      if (!isInside || !Number.isInteger(first) || !Number.isInteger(last)) {
        throw new BrokenPromise(`a part ${first}-${last} of ${file.bytes} bytes`);
      }
      return selection;
    },
  },
  {
    name: "scheduler/origin",
    kind: "text",
    seeds: [
      "host: localhost:5656\norigin: https://ops.example\nsec-fetch-site: cross-site",
      "host: [::1]:5656\norigin: null\naccess-control-request-method: POST",
    ],
    run: (input) => {
      const headers = headersOf(input);
      hostRefusal({ bind: "127.0.0.1", advertise: "http://a.example:5656" }, headers.host);
      return judgeOrigin(["https://ops.example"], {
        headers,
        method: "POST",
        path: "/v2/instances",
      });
    },
  },
  {
    name: "scheduler/key-file",
    kind: "text",
    seeds: [`# of May\n${keyLine(1)}\n\n${keyLine(2)}\r\n`, `${keyLine(3)}\n${keyLine(3)}`, "#"],
    run: (input) => {
      const text = textOf(input);
      const keys = parseKeyFile(text);
      if (!keys.ok) {
        const lines = text.split("\n").filter((line) => line.length > 20);
        const shown = JSON.stringify(keys.problems);
        if (lines.some((line) => shown.includes(line))) throw new BrokenPromise("a line is shown");
        return keys;
      }
      const { length } = keys.value;
      if (length === 0 || length > keysMax) throw new BrokenPromise(`${length} keys`);
      if (new Set(keys.value.map(({ id }) => id)).size < length) {
        throw new BrokenPromise("two keys of one id");
      }
      return length;
    },
  },
  {
    name: "scheduler/sealed-text",
    kind: "text",
    seeds: [sealed.text, `${sealed.text.slice(0, -8)}AAAAAAAA`, "sealed:1:00000000:", "sealed:2:x"],
    run: (input) => {
      const text = textOf(input);
      const opened = sealed.keys.open("instance/a", text);
      // Nobody without the key makes another one that opens.
      if (opened.type === "opened" && text !== sealed.text) throw new BrokenPromise("a forgery");
      return opened.type;
    },
  },
  {
    name: "scheduler/arguments",
    kind: "text",
    seeds: ["-config=config.json\n--check-config", "--config\nconfig.json", "store\ncheck"],
    run: (input) => parseArguments(textOf(input).split("\n")),
  },
];
