// Every page there is, found by following its links, and what pages look like when something went wrong.

import assert from "node:assert/strict";

import { enter, signIn } from "./browser.mjs";
import { calendar, extremes } from "./catalogue.mjs";
import { inspect } from "./inspection.mjs";
import { scenario } from "./scenario.mjs";

// How many pages of one kind are looked at: their contents differ, mostly by whether they may be changed.
const OF_A_KIND = 2;

/** The kind of page that an address is: what is left when ids and what was searched for are taken out. */
function kind({ pathname, searchParams }) {
  const isId = (segment) => /\d/.test(segment) || segment.includes("%") || segment.length > 24;
  const path = pathname.split("/").map((segment) => (isId(segment) ? "*" : segment));
  return `${path.join("/")}?${[...searchParams.keys()].sort()}`;
}

/** Follows every link from the list of APIs on. */
async function crawl(page) {
  const seen = new Map();
  const wrong = [];
  const waiting = ["/apis"];
  const known = new Set(waiting);
  while (waiting.length > 0) {
    const path = waiting.shift();
    const url = new URL(path, page.url());
    const count = seen.get(kind(url)) ?? 0;
    if (count === OF_A_KIND) continue;
    seen.set(kind(url), count + 1);
    const answer = await page.goto(path);
    // Documents for programs are no pages.
    if (!answer.headers()["content-type"]?.startsWith("text/html")) continue;
    if (answer.status() !== 200) wrong.push(`${path}: the link leads to ${answer.status()}`);
    wrong.push(...(await inspect(page, path)));
    for (const link of await page.locator("a[href]:not([download])").evaluateAll((all) => all.map((a) => a.href))) {
      const { origin, pathname, search } = new URL(link);
      const next = pathname + search;
      if (origin !== url.origin || known.has(next)) continue;
      known.add(next);
      waiting.push(next);
    }
  }
  return { kinds: [...seen.keys()].sort(), wrong };
}

scenario("no page that a link leads to has a fault, with much in it", async ({ server, open }) => {
  await calendar(server);
  await extremes(server);
  const page = await open();
  await enter(page, server.link);
  const { kinds, wrong } = await crawl(page);
  assert.deepEqual(wrong, []);
  // That it followed links at all.
  for (const one of ["/apis?", "/apis/new?", "/apis/*/permissions?", "/apis/*/permissions/*/delete?"]) {
    assert.ok(kinds.includes(one), `${one} is not among ${kinds}`);
  }
});

scenario("no page that a link leads to has a fault, with nothing in it yet", async ({ server, open }) => {
  const page = await open();
  await enter(page, server.link);
  assert.deepEqual((await crawl(page)).wrong, []);
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
