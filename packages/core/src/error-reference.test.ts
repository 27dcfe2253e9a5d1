/**
 * Holds docs/reference/errors.md equal to the table of errors.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { renderErrorReference } from "./error-reference.js";

test("docs/reference/errors.md is what the table says", async () => {
  // After a change of the table: npx vitest run --project @mr-redis/core -u error-reference
  await expect(renderErrorReference()).toMatchFileSnapshot("../../../docs/reference/errors.md");
});
