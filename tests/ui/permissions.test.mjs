// What an API's permissions are, step by step.

import assert from "node:assert/strict";

import { enter } from "./browser.mjs";
import { scenario } from "./scenario.mjs";

const notice = (page, text) => page.getByRole("status").filter({ hasText: text });

scenario("permissions are added and deleted, step by step", async ({ server, open }) => {
  const page = await open();
  await enter(page, server.link);

  await page.getByRole("link", { name: "New API" }).click();
  await page.getByLabel("Name").fill("Calendar");
  await page.getByLabel("Identifier").fill("https://calendar.example/");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "No permission yet" }).waitFor();
  const id = new URL(page.url()).pathname.split("/")[2];
  const held = async () => (await server.management("GET", `resource-servers/${id}`)).scopes ?? [];

  // As one comes to it every other time.
  await page.getByRole("navigation", { name: "Sections" }).getByRole("link", { name: "APIs" }).click();
  await page.getByRole("link", { name: "Calendar" }).click();
  await page.getByRole("navigation", { name: "Calendar" }).getByRole("link", { name: "Permissions" }).click();
  await page.getByLabel("Permission", { exact: true }).fill("read:calendar");
  await page.getByLabel("Description").fill('Read the "team" calendar → <all> of it');
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await notice(page, "read:calendar is added").waitFor();
  const added = [{ value: "read:calendar", description: 'Read the "team" calendar → <all> of it' }];
  assert.deepEqual(await held(), added);
  await page.getByRole("cell", { name: added[0].description }).waitFor();

  await page.getByRole("link", { name: "Delete read:calendar" }).click();
  await page.getByRole("link", { name: "Cancel" }).click();
  assert.deepEqual(await held(), added);
  await page.getByRole("link", { name: "Delete read:calendar" }).click();
  await page.getByRole("button", { name: "Delete permission" }).click();
  await notice(page, "read:calendar is deleted").waitFor();
  assert.deepEqual(await held(), []);
});

scenario("what can't be a permission is said as it is typed, and nothing is added", async ({ server, open }) => {
  const { id } = await server.management("POST", "resource-servers", {
    name: "Calendar",
    identifier: "https://calendar.example/",
    scopes: [{ value: "read:calendar" }],
  });
  const page = await open();
  await enter(page, server.link);
  await page.goto(`/apis/${id}/permissions`);
  const value = page.getByLabel("Permission", { exact: true });

  await value.pressSequentially("read:calendar");
  await notice(page, "This API has it already.").waitFor();
  await value.fill("two words");
  await notice(page, "A permission has no spaces").waitFor();
  await page.getByLabel("Description").fill("kept");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.locator("#value[aria-invalid]").waitFor();
  assert.equal(await value.inputValue(), "two words");
  assert.equal(await page.getByLabel("Description").inputValue(), "kept");
  const api = await server.management("GET", `resource-servers/${id}`);
  assert.deepEqual(api.scopes, [{ value: "read:calendar" }]);
});

scenario("a list is searched as one types, and what was typed isn't lost by leaving", async ({ server, open }) => {
  const scopes = ["read:calendar", "write:calendar", "read:rooms"].map((value) => ({ value }));
  const wanted = { name: "Calendar", identifier: "https://calendar.example/", scopes };
  const { id } = await server.management("POST", "resource-servers", wanted);
  const page = await open();
  await enter(page, server.link);
  await page.goto(`/apis/${id}/permissions`);
  await page.getByRole("searchbox").pressSequentially("rooms");
  await page.getByRole("link", { name: "Delete read:calendar" }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Delete read:rooms" }).waitFor();
  await page.waitForURL(/q=rooms/);

  await page.getByRole("link", { name: "Edit read:rooms" }).click();
  await page.getByLabel("Description").fill("See who is in which room");
  const asked = page.waitForEvent("dialog");
  const left = page.getByRole("link", { name: "Cancel" }).click();
  const dialog = await asked;
  assert.equal(dialog.type(), "beforeunload");
  await dialog.dismiss();
  await left;
  assert.equal(await page.getByLabel("Description").inputValue(), "See who is in which room");
  await page.getByRole("button", { name: "Save" }).click();
  await notice(page, "read:rooms is saved").waitFor();
});
