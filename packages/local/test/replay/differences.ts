/**
 * Owns the list of differences that are left between a real master and agent, as recorded, and this one. It can only
 * shrink: an entry that differs no more fails the replay, and so does a difference that is not here.
 * Called by the replay tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { KnownDifference } from "./ledger.js";

/** Entries with one reason; `*` stands for `json` and for `pb`. */
const because = (why: string, ids: readonly string[]): readonly KnownDifference[] =>
  ids.flatMap((id) =>
    id.includes("*")
      ? ["json", "pb"].map((encoding) => ({ id: id.replace("*", encoding), why }))
      : [{ id, why }],
  );

/** All differences that are left. */
export const knownDifferences: readonly KnownDifference[] = [
  ...because("tasks without an executor are not built: they fail at once, and say so", [
    "*/001-subscribe UPDATE t-finish",
    "*/001-subscribe UPDATE t-fail",
    "*/001-subscribe UPDATE t-signal",
    "*/001-subscribe UPDATE t-fetch",
    "*/001-subscribe UPDATE t-long",
    "*/001-subscribe UPDATE t-noack",
    "*/119-resubscribe-after-drop UPDATE t-left",
    "*/130-subscribe-plain UPDATE p-1",
    "extra-*/002-subscribe-offer-timeout UPDATE e-1",
    "extra-*/002-subscribe-offer-timeout UPDATE e-d2",
    "recovery-*/001-subscribe UPDATE r-cmd",
    "recovery-*/009-resubscribe-after-master-restart-1 UPDATE r-cmd",
  ]),
  ...because("recorded while the executor of a task without one was ending, with its share", [
    "*/052-accept-launch-custom offer",
    "extra-*/016-accept-unacked offer",
  ]),
  ...because("after a restart of the agent an update is sent once, not twice", [
    "extra-*/002-subscribe-offer-timeout UPDATE u-1",
  ]),
  ...because("the call that launched it is not among the recordings", [
    "*/001-subscribe UPDATE t-fetch-ok",
  ]),
  ...because("task groups are not built: they are refused", [
    "*/001-subscribe UPDATE g-1",
    "*/001-subscribe UPDATE g-2",
    "*/001-subscribe FAILURE default-1",
  ]),
  ...because("recorded while the executor of a task group was there, with its share", [
    "*/099-accept-reserve offer",
    "*/101-accept-unreserve offer",
    "pb/001-subscribe UPDATE_OPERATION_STATUS op-1",
  ]),
  ...because("reserving by the operator API is not built", [
    "json/001-subscribe RESCIND",
    "json/120-accept-launch-left offer",
    "json/131-accept-plain offer",
  ]),
  ...because("an agent reports its tasks to a new master without their health and container", [
    "recovery-*/009-resubscribe-after-master-restart-1 UPDATE r-1",
  ]),
  ...because("Node writes no body in answer to HEAD, and HTTP wants none", [
    "errors/004-master-head answer",
    "errors/062-agent-head answer",
  ]),
  ...because("/version tells of a build of Mesos, and takes jsonp; it ends the pipelined calls", [
    "errors/043-master-pipelined answer",
    "errors/052-master-get-version answer",
    "errors/058-master-get-jsonp answer",
  ]),
  ...because("an agent serves no /version; it ends the pipelined calls", [
    "errors/101-agent-pipelined answer",
  ]),
  ...because("on loopback a Host of another name is a web page's, and refused", [
    "errors/Host answer",
  ]),
  ...because("the text shows both ExecutorInfos as JSON, not as protobuf text; nobody parses it", [
    "*/001-subscribe UPDATE x-0000007",
  ]),
];
