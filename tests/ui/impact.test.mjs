// What a deletion takes away, and what its undoing gives back.

import assert from "node:assert/strict";

import { enter } from "./browser.mjs";
import { access, calendar } from "./catalogue.mjs";
import { scenario } from "./scenario.mjs";

const ALL = { key: "VALID", token: "read:calendar write:calendar" };
const LESS = { key: "INSUFFICIENT_PERMISSIONS", token: "write:calendar" };

scenario("a key and a token lose a permission by its deletion, and have it again after Undo", async ({ server, open }) => {
  const api = await calendar(server);
  assert.deepEqual(await access(server, api), ALL);
  const page = await open();
  await enter(page, server.link);
  await page.goto(`/apis/${api.id}/permissions`);
  await page.getByRole("link", { name: "Delete read:calendar" }).click();
  await page.getByText("It can be undone for 30 days.").waitFor();
  assert.deepEqual(await access(server, api), ALL);

  await page.getByRole("button", { name: "Delete permission" }).click();
  await page.getByRole("button", { name: "Undo" }).waitFor();
  assert.deepEqual(await access(server, api), LESS);
  // What is shown of it stays true when the page is asked for again.
  await page.reload();
  await page.getByRole("region", { name: "Deleted permissions" }).getByText("read:calendar").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("status").filter({ hasText: "read:calendar is back" }).waitFor();
  assert.deepEqual(await access(server, api), ALL);
  assert.equal(await page.getByRole("button", { name: "Undo" }).count(), 0);

  // Once more, from the list of what was deleted.
  await page.getByRole("link", { name: "Delete read:calendar" }).click();
  await page.getByRole("button", { name: "Delete permission" }).click();
  await page.getByRole("button", { name: "Restore read:calendar" }).click();
  await page.getByRole("status").filter({ hasText: "read:calendar is back" }).waitFor();
  assert.deepEqual(await access(server, api), ALL);
});
