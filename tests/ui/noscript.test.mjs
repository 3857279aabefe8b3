// A browser without script.

import assert from "node:assert/strict";

import { signIn } from "./browser.mjs";
import { access, calendar } from "./catalogue.mjs";
import { scenario } from "./scenario.mjs";

const notice = (page, text) => page.getByRole("status").filter({ hasText: text });

scenario("all that a permission is for works without script", async ({ server, open }) => {
  const api = await calendar(server);
  const email = await server.administrator("editor");
  const page = await open({ javaScriptEnabled: false });
  // Whoever wants a page goes on to it after signing in.
  await page.goto(`/apis/${api.id}/permissions`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await signIn(page, email);
  assert.equal(await page.locator("html.js").count(), 0, "there is no script");
  await page.getByRole("searchbox").fill("calend");
  await page.getByRole("searchbox").press("Enter");
  await page.waitForURL(/q=calend/);
  await page.getByRole("link", { name: "Calendar" }).click();

  await page.getByLabel("Permission", { exact: true }).fill("share:calendar");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await notice(page, "share:calendar is added").waitFor();
  await page.getByRole("link", { name: "Add many" }).click();
  await page.getByLabel("Permissions").fill("read:rooms See the rooms\n\nbook:rooms\n");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("link", { name: "Edit book:rooms" }).click();
  await page.getByLabel("Description").fill("Book a room");
  await page.getByRole("button", { name: "Save" }).click();
  await notice(page, "book:rooms is saved").waitFor();
  assert.deepEqual((await server.management("GET", `resource-servers/${api.id}`)).scopes.slice(2), [
    { value: "share:calendar" },
    { value: "read:rooms", description: "See the rooms" },
    { value: "book:rooms", description: "Book a room" },
  ]);

  await page.getByRole("link", { name: "Delete read:calendar" }).click();
  await page.getByRole("button", { name: "Delete permission" }).click();
  await page.getByRole("button", { name: "Undo" }).waitFor();
  assert.equal((await access(server, api)).key, "INSUFFICIENT_PERMISSIONS");
  await page.getByRole("button", { name: "Undo" }).click();
  await notice(page, "read:calendar is back").waitFor();
  assert.equal((await access(server, api)).key, "VALID");

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.goto(`/apis/${api.id}/permissions`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});
