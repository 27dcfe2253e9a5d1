/**
 * Owns the cases about documents: what each change ends as, and what is then read.
 * Called by the suite (index.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect } from "vitest";
import { type DocumentKey, documentBytesMax } from "../port.js";
import {
  type ConformanceCase,
  commitOne,
  create,
  lead,
  mustCommit,
  sized,
  sorted,
} from "./harness.js";

const key = "instance/a" as const;
const stale = { type: "refused", reason: "stale" } as const;

/** Texts that some store or encoding might change. */
const texts = [
  "",
  "\u0000",
  "\u0000\n\r\t\u001b\u007f",
  '"\\"',
  "é",
  "日本語",
  "\u{1f600}\u{10ffff}",
  "\ufeffa",
  "\ufffd\uffff",
  "e\u0301",
  "\u202e",
  " a ",
];

const hostileNames = [
  "..",
  ".",
  "../framework",
  "a/b",
  "a//b",
  "/",
  "a/",
  "a\u0000",
  "a\u0000b",
  "a\n",
  " ",
  "%00",
  "A",
  "é",
  "e\u0301",
  "\u{1f600}",
  "\ufffd",
  "__proto__",
  "x".repeat(200),
  "x".repeat(5000),
  "\ud800",
  "\udbff",
  "",
];

export const documentCases: readonly ConformanceCase[] = [
  {
    id: "create-then-read",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      expect(await store.read(key)).toBe(null);
      expect(await store.readAll()).toEqual([]);
      const revision = await mustCommit(store, leadership, create(key, '{"a":1}'));
      expect(await store.read(key)).toEqual({ key, revision, value: '{"a":1}' });
      expect(await store.read("instance/ab")).toBe(null);
      expect(await store.readAll()).toEqual([{ key, revision, value: '{"a":1}' }]);
    },
  },
  {
    id: "create-existing-refused-with-current",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const revision = await mustCommit(store, leadership, create(key, "1"));
      const current = { key, revision, value: "1" };
      expect(await commitOne(store, leadership, create(key, "2"))).toEqual({ ...stale, current });
      expect(await store.read(key)).toEqual(current);
    },
  },
  {
    id: "update-needs-the-present-revision",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const first = await mustCommit(store, leadership, create(key, "1"));
      const second = await mustCommit(store, leadership, { key, basedOn: first, value: "2" });
      expect(second).not.toBe(first);
      const current = { key, revision: second, value: "2" };
      const late = { key, basedOn: first, value: "3" };
      expect(await commitOne(store, leadership, late)).toEqual({ ...stale, current });
      expect(await store.readAll()).toEqual([current]);
    },
  },
  {
    id: "same-value-new-revision",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const first = await mustCommit(store, leadership, create(key, "1"));
      const second = await mustCommit(store, leadership, { key, basedOn: first, value: "1" });
      expect(second).not.toBe(first);
    },
  },
  {
    id: "update-of-absent-refused",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const other = await mustCommit(store, leadership, create("instance/b", "1"));
      for (const basedOn of [other, "1", "0", "-1", "no revision", ""]) {
        expect(await commitOne(store, leadership, { key, basedOn, value: "2" })).toEqual({
          ...stale,
          current: null,
        });
      }
      expect(await store.read(key)).toBe(null);
    },
  },
  {
    id: "remove-needs-the-present-revision",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const first = await mustCommit(store, leadership, create(key, "1"));
      const second = await mustCommit(store, leadership, { key, basedOn: first, value: "2" });
      const current = { key, revision: second, value: "2" };
      for (const basedOn of [first, null]) {
        const late = { key, basedOn, value: null };
        expect(await commitOne(store, leadership, late)).toEqual({ ...stale, current });
      }
      const remove = { key, basedOn: second, value: null };
      expect(await commitOne(store, leadership, remove)).toEqual({ type: "done", revision: null });
      expect(await store.read(key)).toBe(null);
      expect(await store.readAll()).toEqual([]);
    },
  },
  {
    id: "remove-of-absent",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const remove = { key, basedOn: null, value: null };
      expect(await commitOne(store, leadership, remove)).toEqual({ type: "done", revision: null });
      const late = { key, basedOn: "1", value: null };
      expect(await commitOne(store, leadership, late)).toEqual({ ...stale, current: null });
      expect(await store.read(key)).toBe(null);
    },
  },
  {
    id: "recreated-is-another",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const first = await mustCommit(store, leadership, create(key, "1"));
      await mustCommit(store, leadership, { key, basedOn: first, value: null });
      const second = await mustCommit(store, leadership, create(key, "1"));
      expect(second).not.toBe(first);
      const current = { key, revision: second, value: "1" };
      for (const value of ["2", null]) {
        const late = { key, basedOn: first, value };
        expect(await commitOne(store, leadership, late)).toEqual({ ...stale, current });
      }
    },
  },
  {
    id: "each-change-its-own-outcome",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const revision = await mustCommit(store, leadership, create(key, "1"));
      const outcomes = await store.commit(leadership, [
        create("instance/new", "1"),
        create(key, "no"),
        { key: "instance/b", basedOn: "1", value: "no" },
        { key, basedOn: revision, value: "2" },
        { key: "instance/c", basedOn: null, value: "x".repeat(documentBytesMax + 1) },
        create("framework", "3"),
      ]);
      const all = await store.readAll();
      const revisionOf = (of: DocumentKey) => all.find((each) => each.key === of)?.revision;
      expect(outcomes).toEqual([
        { type: "done", revision: revisionOf("instance/new") },
        { ...stale, current: { key, revision, value: "1" } },
        { ...stale, current: null },
        { type: "done", revision: revisionOf(key) },
        { type: "refused", reason: "too-large" },
        { type: "done", revision: revisionOf("framework") },
      ]);
      expect(sorted(all).map((each) => [each.key, each.value])).toEqual([
        ["framework", "3"],
        [key, "2"],
        ["instance/new", "1"],
      ]);
    },
  },
  {
    id: "changes-of-one-call-in-order",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const outcomes = await store.commit(leadership, [
        create(key, "1"),
        create(key, "2"),
        { key, basedOn: null, value: null },
        { key: "instance/b", basedOn: null, value: null },
        create("instance/b", "3"),
      ]);
      const first = await store.read(key);
      const other = await store.read("instance/b");
      expect(outcomes).toEqual([
        { type: "done", revision: first?.revision },
        { ...stale, current: first },
        { ...stale, current: first },
        { type: "done", revision: null },
        { type: "done", revision: other?.revision },
      ]);
      expect([first?.value, other?.value]).toEqual(["1", "3"]);
    },
  },
  {
    id: "no-changes-no-outcomes",
    async run({ open }) {
      const store = await open();
      expect(await store.commit(await lead(store), [])).toEqual([]);
    },
  },
  {
    id: "race-one-wins",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      let basedOn: string | null = null;
      for (let round = 0; round < 5; round += 1) {
        const values = Array.from({ length: 20 }, (_, index) => `"${round} ${index}"`);
        const outcomes = await Promise.all(
          values.map((value) => commitOne(store, leadership, { key, basedOn, value })),
        );
        const winners = values.filter((_, index) => outcomes[index]?.type === "done");
        expect(winners).toHaveLength(1);
        const current = await store.read(key);
        expect(current?.value).toBe(winners[0]);
        for (const outcome of outcomes.filter((each) => each.type !== "done")) {
          expect(outcome).toEqual({ ...stale, current });
        }
        basedOn = current?.revision ?? null;
      }
    },
  },
  {
    id: "values-are-stored-exactly",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const changes = texts.map((text, index) =>
        create(`instance/${index}`, index % 2 === 0 ? text : JSON.stringify(text)),
      );
      const outcomes = await store.commit(leadership, changes);
      expect(outcomes.map((each) => each.type)).toEqual(changes.map(() => "done"));
      for (const change of changes)
        expect((await store.read(change.key))?.value).toBe(change.value);
    },
  },
  {
    id: "text-without-utf8-refused",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      for (const value of ["\ud800", "a\udc00", "\udc00\ud800"]) {
        expect(await commitOne(store, leadership, create(key, value))).toEqual({
          type: "refused",
          reason: "unacceptable",
        });
      }
      expect(await store.readAll()).toEqual([]);
    },
  },
  {
    id: "hostile-names-refused-or-exact",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const stored = new Map<string, string>();
      for (const [index, name] of hostileNames.entries()) {
        const change = create(`instance/${name}`, JSON.stringify({ index }));
        const outcome = await commitOne(store, leadership, change);
        if (outcome.type === "done") stored.set(change.key, change.value ?? "");
        else {
          expect(outcome.type).toBe("refused");
          if (outcome.type !== "refused") continue;
          expect(["unacceptable", "too-large"]).toContain(outcome.reason);
          expect(await store.read(change.key)).toBe(null);
        }
      }
      const all = await store.readAll();
      expect(new Map(all.map((each) => [each.key, each.value]))).toEqual(stored);
      for (const each of all) expect(await store.read(each.key)).toEqual(each);
    },
  },
  {
    id: "too-large-refused",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const fits = "é".repeat(documentBytesMax / 2);
      const outcomes = await store.commit(leadership, [
        create("instance/fits", fits),
        create("instance/one-more", `${fits}x`),
        create("instance/far-more", "x".repeat(documentBytesMax * 3)),
      ]);
      expect(outcomes.map((each) => (each.type === "refused" ? each.reason : each.type))).toEqual([
        "done",
        "too-large",
        "too-large",
      ]);
      expect((await store.readAll()).map((each) => each.value === fits)).toEqual([true]);
    },
  },
  {
    id: "a-document-is-whole",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      let writing = true;
      const write = async () => {
        let basedOn: string | null = null;
        for (let mark = 0; mark < 60; mark += 1) {
          const value = sized((mark % 7) * 15_000, mark);
          basedOn = await mustCommit(store, leadership, { key, basedOn, value });
        }
        writing = false;
      };
      const readMarks = async () => {
        const marks: number[] = [];
        while (writing) {
          const document = await store.read(key);
          if (document === null) continue;
          const { mark, end } = JSON.parse(document.value);
          expect(end).toBe(mark);
          marks.push(mark);
        }
        return marks;
      };
      const [marks] = await Promise.all([readMarks(), write()]);
      expect(marks).toEqual([...marks].sort((left, right) => left - right));
    },
  },
  {
    id: "stored-over-reopen",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const first = await mustCommit(store, leadership, create(key, "1"));
      const gone = await mustCommit(store, leadership, create("instance/gone", "1"));
      await mustCommit(store, leadership, { key: "instance/gone", basedOn: gone, value: null });
      await mustCommit(store, leadership, create("framework", "{}"));
      await mustCommit(store, leadership, { key, basedOn: first, value: "2" });
      const before = sorted(await store.readAll());
      await store.close();
      const again = await open();
      expect(sorted(await again.readAll())).toEqual(before);
      const current = before.find((each) => each.key === key) ?? null;
      const late = { key, basedOn: first, value: "3" };
      const leadershipAgain = await lead(again);
      expect(await commitOne(again, leadershipAgain, late)).toEqual({ ...stale, current });
    },
  },
  {
    id: "a-thousand-documents",
    async run({ open }) {
      const store = await open();
      const leadership = await lead(store);
      const changes = Array.from({ length: 1000 }, (_, index) =>
        create(`instance/i${index}`, sized(20_000, index)),
      );
      const outcomes = await store.commit(leadership, changes);
      expect(outcomes.filter((each) => each.type !== "done")).toEqual([]);
      await store.close();
      const all = await (await open()).readAll();
      expect(new Map(all.map((each) => [each.key, each.value]))).toEqual(
        new Map(changes.map((each) => [each.key, each.value])),
      );
    },
  },
];
