// Somebody without a mouse.

import assert from "node:assert/strict";

import { enter } from "./browser.mjs";
import { access, calendar } from "./catalogue.mjs";
import { scenario } from "./scenario.mjs";

// More than any page here has to step over.
const STEPS = 40;

/** What has the focus: what it is called, and whether one sees that it has it. */
function focused(page) {
  return page.evaluate(async () => {
    // What appears with the focus may take a moment to.
    await Promise.all(document.getAnimations().map((one) => one.finished));
    const at = document.activeElement;
    const name = (at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent).trim();
    const is = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const seen = is(getComputedStyle(at)) || is(getComputedStyle(at, "::after"));
    const box = at.getBoundingClientRect();
    return { name, seen, isThere: box.width > 0 && box.bottom > 0 && box.top < innerHeight };
  });
}

/** Steps on until this has the focus; wherever it comes, one sees it. */
async function tabTo(page, name) {
  const passed = [];
  for (let step = 0; step < STEPS; step++) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    assert.ok(now.seen && now.isThere, `one does not see that ${now.name} has the focus`);
    if (now.name.startsWith(name)) return;
    passed.push(now.name);
  }
  assert.fail(`${name} is not reached, but ${passed.join(", ")}`);
}

/** Presses a key that has the focus moved. */
async function press(page, key, name) {
  await page.keyboard.press(key);
  assert.equal((await focused(page)).name, name, `after ${key}`);
}

scenario("from the list to a deletion and back with keys alone", async ({ server, open }) => {
  const api = await calendar(server);
  const page = await open();
  await enter(page, server.link);
  const arrived = (name) => page.getByRole("heading", { name, level: 1 }).waitFor();

  await tabTo(page, "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");

  await press(page, "/", "Search APIs");
  await page.keyboard.type("calendar/jkn");
  await page.getByText("No API is called so").waitFor();
  assert.equal((await focused(page)).name, "Search APIs", "letters that are typed are no shortcuts");
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Calendar" }).waitFor();
  await page.keyboard.press("Escape");
  await press(page, "j", "Calendar");
  await press(page, "k", "Calendar");
  await page.keyboard.press("Enter");
  await arrived(/^Calendar/);

  await press(page, "n", "Permission");
  await page.keyboard.type("share:calendar");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "share:calendar is added" }).waitFor();
  await press(page, "j", "read:calendar");
  await press(page, "ArrowDown", "write:calendar");
  await press(page, "j", "share:calendar");
  await press(page, "k", "write:calendar");
  await press(page, "ArrowUp", "read:calendar");
  await tabTo(page, "Delete read:calendar");
  await page.keyboard.press("Enter");
  await arrived("Delete read:calendar?");
  await tabTo(page, "Delete permission");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Undo" }).waitFor();
  assert.equal((await access(server, api)).key, "INSUFFICIENT_PERMISSIONS");

  await tabTo(page, "Undo");
  await page.keyboard.press("Space");
  await page.getByRole("status").filter({ hasText: "read:calendar is back" }).waitFor();
  assert.equal((await access(server, api)).key, "VALID");
  await tabTo(page, "Dismiss");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "read:calendar is back" }).waitFor({ state: "detached" });
  await page.keyboard.press("Shift+Tab");
  await tabTo(page, "APIs");
  await page.keyboard.press("Enter");
  await arrived("APIs");
});

scenario("the menu of a small screen opens and closes with keys", async ({ server, open }) => {
  const page = await open({ viewport: { width: 360, height: 740 } });
  await enter(page, server.link);
  await tabTo(page, "Menu");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  await tabTo(page, "Sign out");
  await press(page, "Escape", "Menu");
  await page.getByRole("button", { name: "Sign out" }).waitFor({ state: "hidden" });
});
