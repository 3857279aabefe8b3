// Two people who change the same thing at once.

import assert from "node:assert/strict";

import { signIn } from "./browser.mjs";
import { scenario } from "./scenario.mjs";

scenario("who saves second sees what changed meanwhile, and keeps what they typed", async ({ server, open }) => {
  const { id } = await server.management("POST", "resource-servers", {
    name: "Calendar",
    identifier: "https://calendar.example/",
    scopes: [{ value: "read:calendar", description: "Read it" }],
  });
  const scope = async () => (await server.management("GET", `resource-servers/${id}`)).scopes[0];
  const [one, other] = [await open(), await open()];
  await signIn(one, await server.administrator("owner"));
  await signIn(other, await server.administrator("editor"));
  for (const page of [one, other]) {
    await page.goto(`/apis/${id}/permissions`);
    await page.getByRole("link", { name: "Edit read:calendar" }).click();
    await page.getByLabel("Description").waitFor();
  }
  await one.getByLabel("Description").fill("Read the calendar");
  await one.getByRole("button", { name: "Save" }).click();
  await one.getByRole("status").filter({ hasText: "read:calendar is saved" }).waitFor();

  await other.getByLabel("Description").fill("Look at it");
  await other.getByRole("button", { name: "Save" }).click();
  await other.getByRole("alert").filter({ hasText: "Somebody else changed this while" }).waitFor();
  assert.deepEqual(await scope(), { value: "read:calendar", description: "Read the calendar" });
  const lines = (name) => other.getByRole("region", { name }).locator("del, ins").allTextContents();
  assert.deepEqual(await lines("What changed meanwhile"), ["description: Read it", "description: Read the calendar"]);
  assert.deepEqual(await lines("What you typed"), ["description: Read it", "description: Look at it"]);
  assert.equal(await other.getByLabel("Description").inputValue(), "Look at it");

  await other.getByRole("button", { name: "Save over it" }).click();
  await other.getByRole("status").filter({ hasText: "read:calendar is saved" }).waitFor();
  assert.deepEqual(await scope(), { value: "read:calendar", description: "Look at it" });
});
