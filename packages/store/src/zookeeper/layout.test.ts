/**
 * Owns the tests of paths, names of nodes and what a node holds (layout.ts, document.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { isDocumentKey } from "../change.js";
import { awaitingText, contentOf, encodeDocument } from "./document.js";
import { Layout, parseEndpoints } from "./layout.js";

const layout = new Layout("/chroot", "/mr-redis");
const stat = { version: 7, ephemeralOwner: "0" };

test("every name becomes the name of a node that ZooKeeper takes, and back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1 }), (name) => {
      const key = `instance/${name}` as const;
      if (!isDocumentKey(key)) return;
      const path = layout.pathOf(key);
      expect(path).toMatch(/^\/chroot\/mr-redis\/instance\/(?!\.{1,2}$)[\w.\-~%!*'()]+$/);
      expect(layout.keyOf(path.slice(layout.instances.length + 1))).toBe(key);
    }),
  );
});

test("a node whose name is not made so is nobody's", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (node) => {
      const key = layout.keyOf(node);
      if (key !== null) expect(layout.pathOf(key)).toBe(`${layout.instances}/${node}`);
    }),
  );
  for (const node of ["%", "%41", "a b", "%2e", "%ff"]) expect(layout.keyOf(node)).toBe(null);
});

test("the nodes above the documents, in the order of their making", () => {
  expect(layout.parents).toEqual(["/chroot", "/chroot/mr-redis", "/chroot/mr-redis/instance"]);
});

test("endpoints as a list or as the configuration writes them", () => {
  const servers = "zk1:2181,zk2:2182,[::1]:2183";
  expect(parseEndpoints(["zk1:2181", "zk2:2182", "[::1]:2183"])).toEqual({ servers, chroot: "" });
  expect(parseEndpoints([`zk1:2181, zk2:2182,[::1]:2183/a/b/`])).toEqual({
    servers,
    chroot: "/a/b",
  });
});

test("a document holds any text; anything else is broken", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(), fc.nat(), (value, term, number) => {
      const content = contentOf("framework", stat, encodeDocument(`${term}.${number}`, value));
      const document = { key: "framework", revision: `${term}.${number}.7`, value };
      expect(content).toEqual({ type: "document", document, version: 7 });
    }),
  );
  const broken = ["", "{}", "mr-redis/1", "mr-redis/1 1.1", "mr-redis/2 1.1\n{}", "mr-redis/1 x\n"];
  for (const text of broken) {
    expect(contentOf("framework", stat, Buffer.from(text))).toEqual({ type: "broken" });
  }
  expect(contentOf("framework", stat, awaitingText)).toEqual({ type: "awaiting-text", version: 7 });
});
