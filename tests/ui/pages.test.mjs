// Every page there is, found by following its links, and what pages look like when something went wrong.

import assert from "node:assert/strict";

import { enter, signIn } from "./browser.mjs";
import { calendar, drafts, extremes } from "./catalogue.mjs";
import { crawl } from "./crawl.mjs";
import { inspect } from "./inspection.mjs";
import { scenario } from "./scenario.mjs";

scenario("no page that a link leads to has a fault, with much in it", async ({ server, open }) => {
  await calendar(server);
  await extremes(server);
  const page = await open();
  await enter(page, server.link);
  const { kinds, wrong } = await crawl(page, inspect);
  assert.deepEqual(wrong, []);
  // That it followed links at all.
  for (const one of ["/apis?", "/apis/new?", "/apis/*/permissions?page", "/apis/*/permissions/*/delete?", "/roles/*?", "/users/*?"]) {
    assert.ok(kinds.includes(one), `${one} is not among ${kinds}`);
  }
});

scenario("no page that a link leads to has a fault, with nothing in it yet", async ({ server, open }) => {
  await drafts(server);
  const page = await open();
  await enter(page, server.link);
  assert.deepEqual((await crawl(page, inspect)).wrong, []);
});

scenario("no page has a fault that a link does not lead to", async ({ server, open }) => {
  const api = await calendar(server);
  const page = await open();
  const wrong = [];
  const look = async (name) => wrong.push(...(await inspect(page, name)));

  await page.goto("/sign-in");
  await look("signing in");
  await page.getByLabel("E-mail address").fill("nobody@example.com");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await look("a wrong password");
  await page.goto(server.link);
  await look("a link to sign in with");
  await enter(page, server.link);
  await page.goto(server.link);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "This link is used up" }).waitFor();
  await look("a link that is used up");
  assert.equal((await page.goto("/nothing")).status(), 404);
  await look("no page");

  await page.goto("/apis?q=nothing");
  await page.getByText("No API is called so").waitFor();
  await look("nothing found");
  const list = `/apis/${api.id}/permissions`;
  await page.goto(list);
  await page.getByLabel("Permission", { exact: true }).fill("two words");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.locator("#value[aria-invalid]").waitFor();
  await look("a permission that is refused");
  await page.goto(`${list}/paste`);
  await page.getByLabel("Permissions").fill("read:calendar\nopenid\n");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("alert").waitFor();
  await look("many that are refused");

  await page.goto(list);
  await page.getByRole("link", { name: "Edit write:calendar" }).click();
  const change = { description: "Changed meanwhile" };
  await server.management("PATCH", `resource-servers/${api.id}/scopes/write:calendar`, change);
  await page.getByLabel("Description").fill("Changed here");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").waitFor();
  await look("changed by somebody else");
  await page.goto(list);
  await page.getByRole("link", { name: "Delete read:calendar" }).click();
  await page.getByRole("button", { name: "Delete permission" }).click();
  await page.getByRole("button", { name: "Undo" }).waitFor();
  await look("just deleted");

  await page.context().clearCookies();
  await signIn(page, await server.administrator("viewer"));
  await look("what a viewer sees");
  await page.goto(list);
  await look("what a viewer sees of an API");
  await page.goto("/apis/new");
  await page.getByRole("heading", { name: "You may not do this" }).waitFor();
  await look("what a viewer may not");
  assert.deepEqual(wrong, []);
});
