// Pictures of the main pages, for the documentation.

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";

import { enter } from "./browser.mjs";
import { access, calendar } from "./catalogue.mjs";
import { scenario } from "./scenario.mjs";

// A repository keeps every version of a picture.
const LARGEST = 150_000;

scenario("the pictures are made", async ({ server, open }) => {
  for (const [name, scopes] of [
    ["Blog", ["read:posts", "write:posts", "publish:posts"]],
    ["Payments", ["read:refunds", "create:refunds"]],
  ]) {
    const identifier = `https://${name.toLowerCase()}.example/`;
    const wanted = { name, identifier, scopes: scopes.map((value) => ({ value })) };
    await server.management("POST", "resource-servers", wanted);
  }
  const api = await calendar(server);
  await server.management("POST", `resource-servers/${api.id}/scopes`, {
    value: "share:calendar",
    description: "Let others see a calendar",
  });
  for (let time = 0; time < 9; time += 1) await access(server, api);
  const page = await open();
  await enter(page, server.link);
  const take = async (name) => {
    // Not the ring around what was clicked.
    await page.evaluate(() => document.activeElement.blur());
    const path = join(process.env.SCREENSHOTS, `${name}.png`);
    await page.screenshot({ path, animations: "disabled", caret: "hide" });
    assert.ok(statSync(path).size < LARGEST, `${path} is too large`);
  };
  await page.goto("/apis");
  await take("apis");
  await page.getByRole("link", { name: "Calendar" }).click();
  await page.getByRole("heading", { name: "Add a permission" }).waitFor();
  // Uses are written behind the requests, the last of them a moment later.
  while (!(await page.getByLabel("read:calendar: 18 uses").count())) await page.reload();
  await take("permissions");
  await page.emulateMedia({ colorScheme: "dark" });
  await take("permissions-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.getByRole("link", { name: "Delete read:calendar" }).click();
  await page.getByRole("button", { name: "Delete permission" }).waitFor();
  await take("permission-delete");
  await page.getByRole("link", { name: "The meeting room's door" }).click();
  await page.getByRole("heading", { name: "Give permissions" }).waitFor();
  await take("key");
  await page.goto("/roles");
  await take("roles");
  // Its entries are all text, of which a part shows what it is like.
  await page.setViewportSize({ ...page.viewportSize(), height: 600 });
  await page.goto("/log");
  await take("log");
});
